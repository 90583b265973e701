"""What gateways say in a fault test, by a seed; and what must be stored of it, whatever happens.

Independent of redelivery and order: without `rev` a key has one value only, and revisions carry
`rev`, of which the highest wins.
"""

import json
import random
from dataclasses import dataclass, field
from typing import Any, Final

BEGIN_S: Final = 1_772_409_600
"""2026-03-02 00:00 UTC; the city is a replayed one, so that its windows close at once."""
_STEP_S: Final = 60
_APART: Final = 30
"""How many places a message may come too early or too late."""

Message = tuple[str, bytes]
Key = tuple[str, int]
"""Device, and observed at in seconds since 1970."""


@dataclass(slots=True)
class Workload:
    """Messages, and their outcome.

    Attributes:
        truth: value of each key at the end.
        revised: values that stand beside current ones at the end.
        dead: distinct dead letters at the end.
        readings: how many readings the messages hold, poison included.
    """

    city: str
    declared: list[Message] = field(default_factory=list)
    farewell: list[Message] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    truth: dict[Key, float] = field(default_factory=dict)
    revised: int = 0
    dead: int = 0
    readings: int = 0


def mixed(city: str, seed: int, packs: int = 200, size: int = 5) -> Workload:
    """Packs of six devices behind three gateways, with duplicates, revisions and poison among them.

    Args:
        city: whose.
        seed: decides all.
        packs: how many packs of new readings; about half as many messages come on top.
        size: readings in each.
    """
    chance = random.Random(seed)  # noqa: S311 (a repeatable choice)
    made = _declared(city, ["g0", "g1", "g2"], ["a", "b"])
    devices = [topic.removesuffix("meta") + "obs" for topic, _ in made.declared if "/air/" in topic]
    devices = [topic for topic in devices if topic.endswith("/obs")]
    for number in range(packs):
        topic = devices[number % len(devices)]
        _say(made, topic, number // len(devices), size, chance)
    _add_revisions(made, chance, packs // 5)
    made.messages += chance.sample(made.messages, packs // 5)
    made.messages += [(chance.choice(devices), b"nonsense %d" % one) for one in range(5)]
    made.dead += 5
    places = {place: place + chance.uniform(0, _APART) for place in range(len(made.messages))}
    made.messages = [made.messages[place] for place in sorted(places, key=places.__getitem__)]
    made.readings = sum(_count(payload) for _, payload in made.messages)
    return made


def plain(city: str, packs: int, size: int) -> Workload:
    """Large packs of four devices behind one gateway: nothing but new readings, a second apart.

    The truth is too large to be kept: it is `value_at` of every second of each device.
    """
    made = _declared(city, ["g0"], ["a", "b", "c", "d"])
    for number in range(packs):
        begin = BEGIN_S + (number // 4) * size
        readings = ",".join(
            f'{{"t":{t},"q":"no2","v":{value_at(t)}}}' for t in range(begin, begin + size)
        )
        topic = f"city/v1/{city}/air/g0/g0{'abcd'[number % 4]}/obs"
        made.messages.append((topic, f"[{readings}]".encode()))
    made.readings = packs * size
    return made


def value_at(t: int) -> float:
    """What a device of a plain workload measures."""
    return t % 97 / 2


def _declared(city: str, gateways: list[str], devices: list[str]) -> Workload:
    """A workload that says nothing yet but who will speak."""
    made = Workload(city)
    said: list[tuple[str, Any]] = [("meta", {"name": "Town", "tz": "UTC", "clock": "replay"})]
    for gateway in gateways:
        said.append((f"air/{gateway}/status", {"status": "online"}))
        series = [{"q": "no2", "kind": "gauge", "reporting_s": _STEP_S, "unit": "ug/m3"}]
        for device in devices:
            meta = {"zone": "north", "series": series}
            said.append((f"air/{gateway}/{gateway}{device}/meta", meta))
        topic = f"city/v1/{city}/air/{gateway}/status"
        made.farewell.append((topic, json.dumps({"status": "end"}).encode()))
    made.declared = [(f"city/v1/{city}/{leaf}", json.dumps(what).encode()) for leaf, what in said]
    return made


def _say(made: Workload, topic: str, number: int, size: int, chance: random.Random) -> None:
    """Append a device's next pack; now and then one of its readings is poison."""
    device = topic.split("/")[-2]
    readings: list[dict[str, Any]] = []
    for step in range(size):
        t = BEGIN_S + (number * size + step) * _STEP_S
        value = chance.randrange(200) / 2
        readings.append({"t": t, "q": "no2", "v": value, "u": "ug/m3"})
        if chance.random() < 0.02:
            readings[-1]["u"] = "furlong"
            made.dead += 1
        else:
            made.truth[device, t] = value
    made.messages.append((topic, json.dumps(readings).encode()))


def _add_revisions(made: Workload, chance: random.Random, count: int) -> None:
    """Two revisions of some keys, each in a message of its own and told in any order."""
    topics = {topic.split("/")[-2]: topic for topic, _ in made.messages}
    for device, t in chance.sample(sorted(made.truth), count):
        said = []
        for rev in (1, 2):
            value = 200 + chance.randrange(200) / 2
            said.append({"t": t, "q": "no2", "v": value, "u": "ug/m3", "rev": rev})
            made.truth[device, t] = value
        chance.shuffle(said)
        made.messages += [(topics[device], json.dumps([one]).encode()) for one in said]
        made.revised += 2


def _count(payload: bytes) -> int:
    return len(json.loads(payload)) if payload.startswith(b"[") else 1
