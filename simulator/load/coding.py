"""A load in another payload format than our own JSON: each message is read and written anew.

At about 100,000 readings a second and core; our own JSON, made from templates, is several times as
fast.
"""

from dataclasses import dataclass
from typing import Final

from cityvitals.domain.names import Domain
from cityvitals.errors import SettingsError
from cityvitals.wire.formats import own_json
from cityvitals.wire.pack import Reading
from cityvitals.wire.payload import FORMATS

OWN: Final = own_json.FORMAT.name
_NAMES_DEVICE: Final = frozenset({"thingsboard_gateway", "ngsi_ld", "ngsi_v2"})
_THINGSBOARD: Final = frozenset({"thingsboard_gateway", "thingsboard_device"})
"""Has no word for a unit, and times in milliseconds."""
_LACKS: Final = {"ngsi_ld": frozenset({Domain.ENERGY}), "ngsi_v2": frozenset({Domain.ENERGY})}
"""No Smart Data Model that we know has an attribute for them."""


@dataclass(frozen=True, slots=True)
class Coding:
    """A payload format by its name.

    Raises:
        SettingsError: there is none of that name.
    """

    name: str = OWN

    def __post_init__(self) -> None:
        if self.name not in FORMATS:
            known = ", ".join(["json", *sorted(set(FORMATS) - {OWN})])
            raise SettingsError(f"load: --format: expected one of {known}, got {self.name!a}")

    @property
    def is_own(self) -> bool:
        """Whether templates serve."""
        return self.name == OWN

    @property
    def lacks(self) -> frozenset[Domain]:
        """Domains that it has no words for."""
        return _LACKS.get(self.name, frozenset())

    def __call__(self, payload: bytes, device: str) -> bytes:
        """A sound message of our own JSON, in this format; times as fine as it has them."""
        pack = own_json.FORMAT.decode(payload)
        named = device if self.name in _NAMES_DEVICE else ""
        units, finest_us = (pack.u, 1)
        if self.name in _THINGSBOARD:
            units, finest_us = [""] * len(pack.u), 1000
        rows = zip(pack.t_us, pack.q, pack.v, units, pack.ch, strict=True)
        return FORMATS[self.name].encode(
            Reading(t_us - t_us % finest_us, q, v, u, ch=ch, device=named)
            for t_us, q, v, u, ch in rows
        )
