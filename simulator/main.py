"""The simulator's composition root: a seeded city or a recorded one, played over MQTT."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """What to play, how fast, and for how long.

    Attributes:
        replay: recorded file to play; None plays the seeded city.
        mapping: path of a mapping, or the name of a shipped one ("beijing").
        speed: event seconds per wall second in a replay; None is as fast as acknowledged.
        city: id to play as, instead of the mapping's or the seeded city's own.
        seed: what the seeded city's values follow from.
        history_hours: how much of the seeded city's past is sent first, as fast as acknowledged.
        live: whether the seeded city keeps publishing until stopped.
        limit: stop after so many readings.
        scale: sensors of the seeded city, as a multiple of its 38.
        connections: MQTT connections at most; gateways are dealt over them.
        report: file to write the summary to, as JSON.
    """

    replay: Path | None = None
    mapping: Path | None = None
    speed: float | None = None
    city: str | None = None
    seed: int = 1
    history_hours: float = 0.0
    live: bool = True
    limit: int | None = None
    scale: int = 1
    connections: int = 6
    report: Path | None = None
