"""What the words of reference cases mean to the rules: mapping.toml, read and matched."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("mapping.toml")
_NAMED: Final = re.compile(r"\{(\w+)\}")

Case = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """How cases of one form are judged.

    Attributes:
        check: the kind of check: rule, level, mean, window, weighted, conversion.
        standard, quantity: patterns of the whole text.
        when: patterns of inputs, by their names.
        rule: id; names in braces stand for what the patterns caught.
        given: by the name of a rule's input, fact or part: where its value stands in the case.
        expected: by a key of the case: what of the outcome it is held against.
        ignored: keys of the case that are no results.
        level: the length of the level that is checked.
        names: translations of its own.
        state: what gases of such cases are stated at where they do not say it themselves.
        uncovered: why no rule is there for such cases, and none will be; "" where one is.
    """

    check: str
    standard: re.Pattern[str]
    quantity: re.Pattern[str]
    when: Mapping[str, re.Pattern[str]]
    rule: str
    given: Mapping[str, Mapping[str, Any]]
    expected: Mapping[str, Any]
    ignored: frozenset[str]
    level: str
    names: Mapping[str, str]
    state: str
    uncovered: str


@dataclass(frozen=True, slots=True)
class Found:
    """An entry that fits a case, its names filled in.

    Attributes:
        also: other names of keys, each with the unit that it says.
        spoken: names of the case by names of ours, such as PM2.5 for pm2_5.
    """

    entry: Entry
    rule: str
    given: Mapping[str, Mapping[str, Any]]
    expected: Mapping[str, Any]
    also: Mapping[str, Mapping[str, str]]
    spoken: Mapping[str, str]


class Mappings:
    """All entries, in order: the first that fits counts."""

    def __init__(self, text: str) -> None:
        table = tomllib.loads(text)
        self._names: dict[str, str] = table.get("names", {})
        self._also: dict[str, dict[str, str]] = table.get("also", {})
        self._entries = [_entry(each) for each in table["map"]]

    def find(self, case: Case, rules: Mapping[str, Any]) -> Found | None:
        """The first entry that fits a case, and whose rule there is."""
        for entry in self._entries:
            caught = _caught(entry, case)
            if caught is None:
                continue
            words = self._names | dict(entry.names)
            names = {key: words.get(each, each) for key, each in caught.items()}
            rule = _filled(entry.rule, names)
            if rule in rules or entry.check == "conversion" or entry.uncovered:
                given = {
                    _filled(key, names): _filled_in(each, names)
                    for key, each in entry.given.items()
                }
                expected = {
                    _filled(key, names): _filled_any(each, names)
                    for key, each in entry.expected.items()
                }
                spoken = {each: key for key, each in self._names.items()}
                return Found(entry, rule, given, expected, self._also, spoken)
        return None


def load() -> Mappings:
    """The mapping beside this file."""
    return Mappings(FILE.read_text("utf-8"))


def _entry(table: Mapping[str, Any]) -> Entry:
    return Entry(
        check=table.get("check", "rule"),
        standard=re.compile(table["standard"]),
        quantity=re.compile(table.get("quantity", ".*")),
        when={key: re.compile(each) for key, each in table.get("when", {}).items()},
        rule=table.get("rule", ""),
        given={key: _source(each) for key, each in table.get("given", {}).items()},
        expected=table.get("expected", {}),
        ignored=frozenset(table.get("ignored", [])),
        level=table.get("level", ""),
        names=table.get("names", {}),
        state=table.get("state", ""),
        uncovered=table.get("uncovered", ""),
    )


def _source(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else {"from": said}


def _caught(entry: Entry, case: Case) -> dict[str, str] | None:
    """What the patterns caught by name; None where one does not fit."""
    texts = [(entry.standard, case["standard"]), (entry.quantity, case["quantity"])]
    inputs = case["inputs"]
    texts += [(pattern, str(inputs.get(key, ""))) for key, pattern in entry.when.items()]
    found: dict[str, str] = {}
    for pattern, text in texts:
        match = pattern.fullmatch(text)
        if match is None:
            return None
        found |= {key: each for key, each in match.groupdict().items() if each is not None}
    return found


def _filled(text: str, names: Mapping[str, str]) -> str:
    return _NAMED.sub(lambda match: names.get(match[1], match[0]), text)


def _filled_in(source: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        key: _filled(each, names) if isinstance(each, str) else each for key, each in source.items()
    }


def _filled_any(wanted: Any, names: Mapping[str, str]) -> Any:
    return _filled_in(wanted, names) if isinstance(wanted, dict) else wanted


def values_at(inputs: Any, path: str) -> Iterator[Any]:
    """What stands at a path such as `events.*.0`; nothing where it leads nowhere."""
    if isinstance(inputs, dict) and path in inputs:  # a key may have a dot itself
        yield inputs[path]
        return
    head, _, rest = path.partition(".")
    if head == "*" and isinstance(inputs, list):
        for each in inputs:
            yield from values_at(each, rest) if rest else [each]
        return
    if isinstance(inputs, dict) and head in inputs:
        below = inputs[head]
    elif isinstance(inputs, list) and head.isdigit() and int(head) < len(inputs):
        below = inputs[int(head)]
    else:
        return
    yield from values_at(below, rest) if rest else [below]
