"""Texts that all rows of a rule in a city share, as long as its plan is the same. Pure."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregator.pieces import Spans, of_texts
from aggregator.plan import RulePlan
from aggregator.series_table import Ints
from cityvitals.store import fields
from cityvitals.store.derived import CHANGE_COLUMNS, INDICATOR_COLUMNS
from kpi_rules.present import find_band

_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Forms:
    """Texts of a rule's rows, and of the JSON that is said of them.

    Attributes:
        rows: what a row of `indicator` begins with, by group.
        change: what a row of `change` begins with.
        revision: the rule's revision, as a field.
        bodies: what the JSON begins with, by group, up to the window.
        bands: unit and band, up to the state; the last one of no band.
        rule_revision: the rule's revision, up to the numerator.
        rest: what follows the reason.
        edges: the bands' upper edges, where they ascend; else None.
        all_bands: the bands themselves.
    """

    rows: Spans
    change: bytes
    revision: bytes
    bodies: Spans
    bands: tuple[bytes, ...]
    rule_revision: bytes
    rest: bytes
    edges: NDArray[np.float64] | None
    all_bands: list[dict[str, Any]]

    def bands_at(self, values: NDArray[np.float64]) -> Ints:
        """Which of `bands` holds each value."""
        if self.edges is None:
            names = [*(str(band["name"]) for band in self.all_bands), None]
            shown = [None if np.isnan(one) else one for one in values.tolist()]
            found = [names.index(find_band(self.all_bands, one)) for one in shown]
            return np.array(found, np.int64)
        at = np.searchsorted(self.edges, values).astype(np.int64)
        at[np.isnan(values)] = len(self.all_bands)
        return at


def forms_of(plan: RulePlan) -> Forms:
    """The texts of a rule in a city."""
    body, revision = plan.body, plan.rule.revision
    city = fields.text_field(plan.city.id)
    row = fields.row_head(len(INDICATOR_COLUMNS)) + city + fields.text_field(plan.rule.id)
    begin = b'{"rule":' + _encode(plan.rule.id) + b',"zone":'
    unit = b',"unit":' + _encode(body["unit"]) + b',"band":'
    names = [*(str(band["name"]) for band in body["bands"]), None]
    edges = [np.inf if band["to"] is None else band["to"] for band in body["bands"]]
    return Forms(
        rows=of_texts([row + fields.text_field(zone) for zone in plan.groups]),
        change=fields.row_head(len(CHANGE_COLUMNS)) + city,
        revision=fields.int4_field(revision),
        bodies=of_texts([begin + _encode(zone or None) for zone in plan.groups]),
        bands=tuple(unit + _encode(name) + b',"state":' for name in names),
        rule_revision=b',"rule_revision":' + _encode(revision) + b',"numerator":',
        rest=b"," + _encode({key: body[key] for key in ("title", "digits", "domain")})[1:],
        edges=np.array(edges, np.float64) if edges == sorted(edges) else None,
        all_bands=body["bands"],
    )
