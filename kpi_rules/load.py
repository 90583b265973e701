"""Rule files to rules. A wrong rule is named, and keeps none but itself from being read."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, TypeVar

from cityvitals.catalogue.entry import Entry, parse_toml
from cityvitals.catalogue.positions import Lines, steps
from cityvitals.errors import BadRule
from kpi_rules.expression import tables
from kpi_rules.model import Rule
from kpi_rules.read import Shared, read_rule
from kpi_rules.read_parts import NAME, read_bands
from kpi_rules.read_tables import read_table

_ID_LINE: Final = re.compile(r'^\s*id\s*=\s*"([^"]+)"', re.MULTILINE)
_T = TypeVar("_T")
_TEXTS: Final = 128
"""Rule files whose outcome is remembered: those shipped, and some folders' of one's own."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a rule file.

    Attributes:
        ids: rules that could not be read for it; as far as one can tell where the file is not TOML.
        message: file, line, rule, key, and what was expected.
        whole: whether nothing of the file could be read.
    """

    file: str
    ids: tuple[str, ...]
    message: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rules that are in order, sorted by id, and what is wrong with others."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]


def load_rules(folder: Path | None = None) -> tuple[Rule, ...]:
    """The shipped rules and, where a folder is given, those of its TOML files; sorted by id.

    Raises:
        BadRule: naming file, line, rule, key, and what was expected; also when two rules share an
            id.
    """
    return _all_or_nothing(load_all(folder))


def load_all(folder: Path | None = None) -> Loaded:
    """The shipped rules and those of a folder, and what is wrong with some of them."""
    known: dict[str, tuple[str, Rule]] = {}
    problems: list[Problem] = []
    for name, text in _texts(folder, problems):
        found = read_file(text, name)
        problems += found.problems
        for rule in found.rules:
            if rule.id in known:
                said = f"{name}: rule '{rule.id}': id: already in {known[rule.id][0]}"
                problems.append(Problem(name, (), said))
            else:
                known[rule.id] = (name, rule)
    return Loaded(tuple(known[each][1] for each in sorted(known)), tuple(problems))


def _all_or_nothing(loaded: Loaded) -> tuple[Rule, ...]:
    if loaded.problems:
        raise BadRule(loaded.problems[0].message)
    return loaded.rules


def _texts(folder: Path | None, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    found = [each for each in files("kpi_rules").iterdir() if each.name.endswith(".toml")]
    for each in sorted(found, key=lambda file: file.name):
        yield each.name, each.read_text("utf-8")
    if folder is None:
        return
    if not folder.is_dir():
        said = f"{folder}: expected a folder of rule files"
        problems.append(Problem(str(folder), (), said, whole=True))
        return
    for path in sorted(folder.glob("*.toml")):
        try:
            yield str(path), path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            said = f"{path}: cannot be read: {error}"
            problems.append(Problem(str(path), (), said, whole=True))


def read_rules(text: str, name: str) -> tuple[Rule, ...]:
    """The rules of one TOML text, sorted by id.

    Raises:
        BadRule: naming file, line, rule, key, and what was expected.
    """
    return _all_or_nothing(read_file(text, name))


@lru_cache(maxsize=_TEXTS)
def read_file(text: str, name: str) -> Loaded:
    """The rules of one TOML text, and what is wrong with some of them.

    What comes of it never changes, and is remembered: who looks again for changed files reads
    those alone, and a process that asks several times for what is shipped parses it once.
    """
    try:
        table = parse_toml(text, name, BadRule)
    except BadRule as bad:
        ids = tuple(_ID_LINE.findall(text))
        return Loaded((), (Problem(name, ids, str(bad), whole=True),))
    return _File(table, name, text).read()


def read_definition(definition: str) -> Rule:
    """A rule from what `Rule.definition` kept of it.

    Raises:
        BadRule: the language has changed since, and does not know it any more.
    """
    kept = json.loads(definition)
    file = kept.pop("file")
    (rule,) = _all_or_nothing(_File(kept, "stored", "", file).read())
    return rule


def file_of(definition: str) -> str:
    """Which file a definition stood in; "" where that is not known."""
    return str(json.loads(definition)["file"]) if definition else ""


class _File:
    """One file being read; `origin` is what its rules' definitions call it."""

    def __init__(
        self, table: Mapping[str, Any], name: str, text: str, origin: str | None = None
    ) -> None:
        self._table = table
        self._name = name
        self._origin = name if origin is None else origin
        self._text = text
        self._lines = Lines(text)
        self._problems: list[Problem] = []

    def read(self) -> Loaded:
        top = Entry(self._table, self._name, BadRule)
        try:
            counts = {key: sum(1 for _ in top.tables(key)) for key in ("rule", "table", "bands")}
            top.finish()
        except BadRule as bad:
            ids = tuple(_ID_LINE.findall(self._text))
            return Loaded((), (Problem(self._name, ids, str(bad), whole=True),))
        shared = Shared(
            self._shared("table", counts["table"], read_table),
            self._shared("bands", counts["bands"], _read_band_set),
        )
        rules = self._rules(counts["rule"], shared)
        return Loaded(tuple(rules[each] for each in sorted(rules)), tuple(self._problems))

    def _rules(self, count: int, shared: Shared) -> dict[str, Rule]:
        found: dict[str, Rule] = {}
        for index in range(count):
            entry = self._entry("rule", index, "id")
            try:
                rule = read_rule(entry, shared)
                if rule.id in found:
                    raise entry.fail("id", "already in this file")
            except BadRule as bad:
                label = self._table["rule"][index].get("id")
                self._say(str(bad), label)
            else:
                found[rule.id] = replace(rule, definition=self._definition(index, rule))
        return found

    def _shared(
        self, kind: str, count: int, read: Callable[[Entry], _T]
    ) -> dict[str, _T | BadRule]:
        """Tables or bands by name; a wrong one is said and kept as wrong."""
        found: dict[str, _T | BadRule] = {}
        for index in range(count):
            entry = self._entry(kind, index, "name")
            name = str(self._table[kind][index].get("name", ""))
            try:
                if name in found:
                    raise entry.fail("name", "already in this file")
                found[name] = read(entry)
            except BadRule as bad:
                found[name] = bad
                self._say(str(bad))
        return found

    def _say(self, message: str, label: object = None) -> None:
        ids = (label,) if isinstance(label, str) else ()
        self._problems.append(Problem(self._name, ids, message))

    def _entry(self, kind: str, index: int, key: str) -> Entry:
        body = self._table[kind][index]
        label = body.get(key, f"number {index + 1}")

        def where(path: str) -> str:
            line = self._lines.of((kind, index, *steps(path)))
            return f"{self._name}{line}: {kind} '{label}'"

        return Entry(body, where, BadRule)

    def _definition(self, index: int, rule: Rule) -> str:
        """The rule as it stands in the file, and what it shares with others."""
        raw = self._table["rule"][index]
        kept: dict[str, Sequence[Any] | str] = {
            "file": self._origin,
            "rule": [raw],
            "table": self._raw("table", _tables_of(rule)),
            "bands": self._raw("bands", {str(raw.get("bands", ""))}),
        }
        return json.dumps(kept, default=str, ensure_ascii=False)

    def _raw(self, kind: str, wanted: set[str]) -> list[Any]:
        return [one for one in self._table.get(kind, []) if one["name"] in wanted]


def _tables_of(rule: Rule) -> set[str]:
    trees = [rule.tree, *(part.tree for part in rule.parts)]
    return {name for tree in trees for name in tables(tree)}


def _read_band_set(entry: Entry) -> Any:
    entry.text("name", NAME)
    bands = read_bands(entry)
    entry.finish()
    return bands
