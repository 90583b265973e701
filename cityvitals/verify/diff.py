"""`cityvitals rules diff`: what edited rules would do to the history of a database."""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cityvitals.domain.times import iso
from cityvitals.errors import BadRule
from cityvitals.settings import DatabaseSettings
from cityvitals.store.audit import open_audit
from cityvitals.store.migrate import require_current
from cityvitals.store.pool import ENDLESS, application, open_pool
from cityvitals.verify.effect import Effect
from cityvitals.verify.main import chosen
from cityvitals.verify.proposal import Bodies, Scope, effect_of
from kpi_rules.load import read_file
from kpi_rules.model import Rule


@dataclass(frozen=True, slots=True)
class Edited:
    """A rule of the files, and how it stands to what the database holds.

    Attributes:
        stored: what the database holds of it, by revision.
        note: what must be done before it can be in force; "" for nothing.
    """

    rule: Rule
    stored: Bodies
    note: str


@dataclass(frozen=True, slots=True)
class Difference:
    """What came out.

    Attributes:
        same: how many rules are in the database as they stand in the files.
        effects: of the others, city by city.
    """

    same: int
    effects: tuple[Effect, ...]


def read_edited(path: Path) -> tuple[Rule, ...]:
    """The rules of a file, or of a folder's TOML files.

    Raises:
        BadRule: naming everything that is wrong, a line each.
    """
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    rules: dict[str, Rule] = {}
    problems: list[str] = [] if files else [f"{path}: expected a TOML file, or a folder of some"]
    for file in files:
        try:
            found = read_file(file.read_text("utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{file}: cannot be read: {error}")
            continue
        problems += [each.message for each in found.problems]
        for rule in found.rules:
            if rule.id in rules:
                problems.append(f"{file}: rule '{rule.id}': id: already in another file")
            rules[rule.id] = rule
    if problems:
        raise BadRule("\n".join(problems))
    return tuple(rules[each] for each in sorted(rules))


async def diff(
    database: DatabaseSettings, rules: Sequence[Rule], city: str | None, scope: Scope
) -> Difference:
    """What changed rules would do to stored history. Nothing is written.

    Args:
        database: whose history.
        rules: as they are edited.
        city: its id; None for every city.
        scope: which windows are looked at.

    Raises:
        StoreUnavailable: the server cannot be reached, or went away.
        UnfitServer: the schema is not this build's.
        NotFound: there is no such city.
    """
    effects: list[Effect] = []
    async with open_pool(database, application("rules diff"), ENDLESS) as pool:
        async with pool.acquire() as connection:
            await require_current(connection)
        async with open_audit(pool) as audit:
            edited = list(_edited(rules, await audit.stored_rules()))
            for one in chosen(await audit.cities(), city):
                for each in edited:
                    effect = await effect_of(audit, one, each.rule, each.stored, scope, _tell)
                    if effect is not None:
                        effect.note = "; ".join(note for note in (effect.note, each.note) if note)
                        effects.append(effect)
    return Difference(len(rules) - len(edited), tuple(effects))


def _edited(
    rules: Sequence[Rule], stored: Sequence[tuple[str, int, str, dict[str, Any]]]
) -> Iterator[Edited]:
    """The rules that are not in the database as they are."""
    for rule in rules:
        mine = {
            revision: (digest, body) for id_, revision, digest, body in stored if id_ == rule.id
        }
        newest = max(mine, default=0)
        if newest == rule.revision and mine[newest][0] == rule.digest:
            continue
        note = ""
        if rule.revision in mine and mine[rule.revision][0] != rule.digest:
            note = f"to take effect it needs `revision = {newest + 1}`: {rule.revision} is taken"
        yield Edited(rule, {each: body for each, (_, body) in mine.items()}, note)


def run(
    database: DatabaseSettings, path: Path, city: str | None, scope: Scope, *, as_json: bool
) -> str:
    """What `rules diff` prints.

    Raises:
        CityVitalsError: as `read_edited` and `diff` do.
    """
    found = asyncio.run(diff(database, read_edited(path), city, scope))
    if as_json:
        return "\n".join(json.dumps(each.as_json()) for each in found.effects)
    same = f"{found.same} rules are in the database as they stand here" if found.same else ""
    parts = ["\n".join(_lines(each)) for each in found.effects] or ["nothing stored would change"]
    return "\n".join([*parts, same]).rstrip()


def _lines(effect: Effect) -> Iterator[str]:
    yield f"{effect.rule} revision {effect.revision}, city {effect.city}"
    if effect.note:
        yield f"  note     {effect.note}"
    if effect.first_us is not None and effect.last_us is not None:
        span = f"{iso(effect.first_us)} to {iso(effect.last_us)}"
        yield f"  windows  {effect.windows} stored ones compared, beginning {span}"
    if effect.gone or effect.new:
        yield f"  windows  {effect.gone} stored ones would have none, {effect.new} would be new"
    if effect.is_none:
        yield "  values   none would change"
        return
    yield f"  values   {effect.changed} would change, {effect.lost} be lost, {effect.gained} gained"
    if effect.units:
        yield f"  unit     stored in {effect.units}"
    elif effect.largest is not None:
        at = effect.largest
        yield (
            f"  largest  {at.size:.6g}: {at.before:.6g} becomes {at.after:.6g}, "
            f"{f'zone {at.zone}' if at.zone else 'the city'}, {iso(at.begin_us)}"
        )
    for (before, after), count in effect.bands.most_common():
        yield f"  bands    {before} becomes {after}: {count}"
    if effect.first_changed_us is not None and effect.last_changed_us is not None:
        yield f"  changed  from {iso(effect.first_changed_us)} to {iso(effect.last_changed_us)}"


def _tell(text: str) -> None:
    """Tell a person that it goes on."""
    sys.stderr.write(f"diff: {text}\n")
    sys.stderr.flush()
