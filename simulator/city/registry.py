"""A seeded city's registry file: zones with their geometry, and how many live there. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from simulator.city.geometry import zone_geometry
from simulator.city.spec import CitySpec

_SOURCE = "made up for the simulator"


def registry_of(spec: CitySpec, seed: int, city: str, clock: str) -> str:
    """The TOML that `cityvitals registry apply` takes.

    Args:
        spec: the city's file.
        seed: what streets and buildings follow from.
        city: the id that it is played as.
        clock: "live", or "replay" as most scenarios have it.
    """
    return "\n".join(_lines(spec, seed, city, clock)) + "\n"


def _lines(spec: CitySpec, seed: int, city: str, clock: str) -> Iterator[str]:
    yield f"# {spec.city.name}, a seeded city: everything in it is made up, its figures too."
    yield "# Written by `cityvitals simulate --write-registry`; edit the city's own file instead."
    yield from _table("[city]", id=city, name=spec.city.name, time_zone=spec.city.time_zone)
    yield f'clock = "{clock}"'
    for zone in spec.zone:
        yield from _table("[[zone]]", id=zone.id, name=zone.name)
        yield f"geometry = {_inline(zone_geometry(spec, zone, seed))}"
    for zone in spec.zone:
        yield from _population(zone.population, _SOURCE, zone=zone.id)
    yield from _population(sum(zone.population for zone in spec.zone), "sum of the zones")


def _population(value: int, source: str, **where: str) -> Iterator[str]:
    yield from _table("[[fact]]", name="population", **where)
    yield f"value = {value}"
    yield 'unit = "{inhabitant}"'
    yield f'source = "{source}"'
    yield 'quality = "estimated"'


def _table(head: str, **texts: str) -> Iterator[str]:
    yield ""
    yield head
    for key, text in texts.items():
        yield f"{key} = {json.dumps(text, ensure_ascii=False)}"


def _inline(value: Any) -> str:
    """A value as TOML writes it in one line; JSON but for its objects."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_inline(own)}" for key, own in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value)
