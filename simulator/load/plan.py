"""What is sent, message by message, and what must become of it: the same plan, the same bytes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cityvitals.domain.outcome import Outcome
from cityvitals.domain.times import US
from cityvitals.errors import SettingsError
from cityvitals.wire.payload import decode
from simulator.load import digits
from simulator.load.coding import Coding
from simulator.load.digits import Bytes, Ints
from simulator.load.order import CLEAN, Label, Shares, Stretch, stretches
from simulator.load.packet import AT_LEAST_ONCE, Delivery, payload_of, publish_packet
from simulator.load.poison import KINDS, REASONS, Poison, spoil
from simulator.load.template import Packets, Template
from simulator.load.town import PER_SENSOR, Sensor, Town
from simulator.load.truth import Truth

MOST_PACK: Final = 500
_LONGEST_US: Final = 48 * 3600 * US
"""Event time of a plan, at most."""
_STEP_US: Final = 10 * US
_STRETCH_READINGS: Final = 50_000
_STRETCH: Final = (50, 2000)
"""Messages made at a time, at least and at most."""
_ZONE_SENSORS: Final = 20
_ZONES: Final = 50
_LOWEST: Final = 10 * digits.VALUE_SCALE
_VALUES: Final = 30 * digits.VALUE_SCALE
_FIRST_SEQ: Final = 1_000_000_000
_STEADY_PLACE: Final = 1 << 62
_OUTCOMES: Final = {
    Label.STORED: Outcome.STORED,
    Label.DUPLICATE: Outcome.DUPLICATE,
    Label.REVISED: Outcome.REVISED,
    Label.SPOILT: Outcome.STORED,
}
"""Of a spoilt message all but one reading are good."""


Key = tuple[str, str, str, str, int]
"""(city, sensor, quantity, channel, observed at in microseconds)."""


class Message(NamedTuple):
    """One of a plan, for who sends it by other means.

    Attributes:
        sensor: who sends it.
        poison: how it is spoilt, or None.
        spoilt: index of the reading that is spoilt; -1 where none is.
        truth: what must become of its readings, sent in the plan's order.
    """

    sensor: Sensor
    topic: str
    payload: bytes
    poison: Poison | None
    spoilt: int
    truth: Truth

    @property
    def readings(self) -> list[tuple[Key, float]]:
        """Key and value of each of its readings that is to be taken."""
        if self.poison is Poison.UNDECODABLE:
            return []
        pack, place = decode(self.payload), (self.sensor.city, self.sensor.id)
        rows = zip(pack.index, pack.q, pack.ch, pack.t_us, pack.v, strict=True)
        return [((*place, q, ch, t), v) for index, q, ch, t, v in rows if index != self.spoilt]


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of messages with their packets."""

    packets: Packets
    row: Ints
    stretch: Stretch

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True)
class Plan:
    """A load that can be sent, told apart from when it is sent.

    Attributes:
        town: whom it comes from.
        pack: readings a message, 1 to 500.
        messages: how many there are.
        begin_us: event time of the first step; all readings lie before `end_us`.
        seed: what values, stamps and order follow from.
        prefix: first level of all topics.
        numbered: whether readings carry `seq`, counted per gateway. A repeat or revision carries
            the number of what it repeats; of a message that cannot be decoded numbers are missing.
        delivery: how messages are delivered.
        coding: their payload format; spoilt and numbered messages are of our own JSON alone.

    Raises:
        SettingsError: naming the option, what it is, and what was expected.
    """

    town: Town
    pack: int
    messages: int
    begin_us: int
    seed: int = 1
    shares: Shares = field(default_factory=Shares)
    numbered: bool = False
    prefix: str = "city"
    delivery: Delivery = AT_LEAST_ONCE
    coding: Coding = field(default_factory=Coding)

    def __post_init__(self) -> None:
        _within("--pack", self.pack, 1, MOST_PACK)
        if not self.coding.is_own and (self.shares.poison or self.numbered):
            raise SettingsError(
                f"load: --format {self.coding.name}: expected without --poison and --seq, which "
                "only our own JSON has"
            )
        shares = self.shares
        for name in ("duplicates", "revisions", "poison", "reorder"):
            _within(f"--{name}", getattr(shares, name), 0, 1)
        told = shares.duplicates + shares.revisions + shares.poison
        _within("--duplicates, --revisions and --poison together", told, 0, 1)

    @classmethod
    def ending_at(
        cls,
        end_us: int,
        *,
        city: str = "load",
        sensors: int = 100,
        pack: int = 50,
        readings: int,
        seed: int = 1,
        shares: Shares | None = None,
        numbered: bool = False,
    ) -> "Plan":
        """A plan for about so many readings, none of them in the future of `end_us`.

        Series report every 10 s of event time, or as often as it takes to have room in 48 hours.
        """
        _within("--pack", pack, 1, MOST_PACK)
        _within("--sensors", sensors, 1, 1_000_000)
        messages = max(1, -(-readings // pack))
        steps = _steps(messages, sensors, pack)
        step_us = max(1, min(_STEP_US, _LONGEST_US // steps))
        zones = max(1, min(_ZONES, sensors // _ZONE_SENSORS))
        town = Town((city,), zones, sensors, step_us)
        given = shares or Shares()
        return cls(town, pack, messages, end_us - steps * step_us, seed, given, numbered)

    @property
    def end_us(self) -> int:
        """No reading was observed at or after this, but those of the far future."""
        steps = _steps(self.messages, self.town.size, self.pack)
        return self.begin_us + steps * self.town.step_us

    @cached_property
    def template(self) -> Template:
        """The rows that packets are made from."""
        return Template(
            self.town.sensors,
            self.pack,
            numbered=self.numbered,
            prefix=self.prefix,
            delivery=self.delivery,
        )

    def blocks(self) -> Iterator[Block]:
        """All messages in order, with their packets; packet ids are 0."""
        low, high = _STRETCH
        size = min(max(_STRETCH_READINGS // self.pack, low), high)
        left = self.messages
        for stretch in stretches(self.shares, self.seed, size):
            yield self._block(stretch.part(0, left))
            left -= min(size, left)
            if not left:
                return

    def __iter__(self) -> Iterator[Message]:
        """All messages, for who sends them by other means; slow."""
        template = self.template
        for block in self.blocks():
            for number, row in enumerate(block.row.tolist()):
                which = row % self.town.size
                poison = int(block.stretch.poison[number])
                yield Message(
                    self.town.sensors[which],
                    template.topics[which],
                    payload_of(bytes(block.packets[number]), self.delivery),
                    None if poison == CLEAN else KINDS[poison],
                    -1 if poison == CLEAN else self._spoilt(int(block.stretch.fresh[number])),
                    self.truth(block.stretch.part(number, number + 1)),
                )

    def truth(self, stretch: Stretch) -> Truth:
        """What must become of these messages."""
        truth = Truth(len(stretch.label))
        for label, count in zip(*np.unique(stretch.label, return_counts=True), strict=True):
            truth.outcomes[_OUTCOMES[Label(label)]] += int(count) * self.pack
        spoilt = stretch.poison[stretch.poison != CLEAN]
        for kind, count in Counter(KINDS[one] for one in spoilt.tolist()).items():
            lost = self.pack if kind is Poison.UNDECODABLE else 1
            truth.outcomes[Outcome.STORED] -= lost * count
            truth.outcomes[Outcome.REJECTED] += count
            truth.reasons[REASONS[kind]] += count
        return truth

    def fresh(self, numbers: Ints, revision: Ints | None = None) -> tuple[Bytes, Ints]:
        """Packets of new messages by their numbers, and their rows in the template.

        Args:
            numbers: messages go round: each sensor sends one, in turn.
            revision: of each its revision, if these are any.
        """
        nth, sensor = np.divmod(numbers, self.town.size)
        row = nth % self.template.variants * self.town.size + sensor
        bits = digits.drawn(self.seed, numbers[:, None] * self.pack + np.arange(self.pack))
        value = _LOWEST + digits.below(bits, _VALUES)
        if revision is not None:
            value += revision[:, None]
        t_us = self._times(nth, sensor, row, bits)
        seq = self._seqs(nth, sensor) if self.numbered else None
        return self.template.fill(row, t_us, value, seq), row

    def _block(self, stretch: Stretch) -> Block:
        packets, row = self.fresh(stretch.fresh, stretch.revision)
        self._spoil(packets, row, stretch)
        return Block(packets if self.coding.is_own else self._coded(packets, row), row, stretch)

    def _coded(self, packets: Bytes, row: Ints) -> Packets:
        """The same messages in another format; so their sizes differ."""
        made = np.empty(len(packets), object)
        for number, which in enumerate((row % self.town.size).tolist()):
            payload = payload_of(packets[number].tobytes(), self.delivery)
            coded = self.coding(payload, self.town.sensors[which].id)
            topic = self.template.topics[which]
            made[number] = bytearray(publish_packet(topic, coded, 0, self.delivery))
        return made

    def _times(self, nth: Ints, sensor: Ints, row: Ints, bits: NDArray[np.uint64]) -> Ints:
        """Somewhere within each reading's step; intervals keep their place in it: none overlap."""
        step_us = self.town.step_us
        each = nth[:, None] * self.pack + np.arange(self.pack)
        jitter = digits.below(bits << np.uint64(32), step_us)
        steady = np.array([form.steady for form in self.template.forms])[self.template.form[row]]
        if steady.any():
            series = sensor[steady, None] * PER_SENSOR + each[steady] % PER_SENSOR
            kept = digits.drawn(self.seed, series + _STEADY_PLACE)
            jitter[steady] = digits.below(kept, step_us)
        return self.begin_us + each // PER_SENSOR * step_us + jitter

    def _seqs(self, nth: Ints, sensor: Ints) -> Ints:
        size, place = self._gateways
        before = nth * size[sensor] + place[sensor]
        return _FIRST_SEQ + before[:, None] * self.pack + np.arange(self.pack)

    @cached_property
    def _gateways(self) -> tuple[Ints, Ints]:
        """Of each sensor how many its gateway has, and how many of these come before it."""
        seen: Counter[tuple[str, str]] = Counter()
        place = []
        for one in self.town.sensors:
            place.append(seen[one.city, one.gateway])
            seen[one.city, one.gateway] += 1
        size = [seen[one.city, one.gateway] for one in self.town.sensors]
        return np.array(size, np.int64), np.array(place, np.int64)

    def _spoilt(self, fresh: int) -> int:
        """Which reading of a message is spoilt, if it is."""
        return fresh % self.pack

    def _spoil(self, packets: Bytes, row: Ints, stretch: Stretch) -> None:
        for number in np.flatnonzero(stretch.poison != CLEAN).tolist():
            form = self.template.forms[self.template.form[row[number]]]
            place = form.places[self._spoilt(int(stretch.fresh[number]))]
            spoil(packets[number], KINDS[int(stretch.poison[number])], form.begin, place)


def _steps(messages: int, sensors: int, pack: int) -> int:
    """Event steps that so many messages reach into."""
    each = -(-messages // sensors)
    return -(-each * pack // PER_SENSOR)


def _within(name: str, number: float, low: float, high: float) -> None:
    if not low <= number <= high:
        raise SettingsError(f"load: {name}: expected {low} to {high}, got {number:g}")
