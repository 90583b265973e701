"""NGSI-v2 entities of Smart Data Models: normalized, key-values, or in a notification."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from cityvitals.domain.times import iso
from cityvitals.wire import entities, json_text
from cityvitals.wire.format import Format
from cityvitals.wire.formats import ngsi_ld
from cityvitals.wire.pack import Reading


def claims(message: Any) -> bool:
    """Whether there are entities, and none of them is NGSI-LD's."""
    return bool(entities.entities_of(message)) and not ngsi_ld.claims(message)


def encode(readings: Iterable[Reading]) -> bytes:
    """The entities that hold readings, one each, normalized."""
    return msgspec.json.encode([_entity(index, reading) for index, reading in enumerate(readings)])


def _entity(index: int, reading: Reading) -> dict[str, Any]:
    model, name, value = entities.attribute_of(reading)
    metadata = {"TimeInstant": {"type": "DateTime", "value": iso(reading.t_us)}}
    if reading.u:
        metadata["unitCode"] = {"type": "Text", "value": reading.u}
    kind = "StructuredValue" if reading.ch else "Number"
    attribute = {"type": kind, "value": value, "metadata": metadata}
    entity = {"id": f"{model}-{index}", "type": model, name: attribute}
    if reading.device:
        entity["refDevice"] = {"type": "Text", "value": f"Device:{reading.device}"}
    return entity


FORMAT: Final = Format("ngsi_v2", json_text.parse, claims, entities.read, encode, entities.SAMPLES)
