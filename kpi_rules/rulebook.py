"""Which rules are in force: those of the files, or the last good ones that the store remembers.

A wrong rule file must not take the service down, nor silently change what it calculates. So a rule
that cannot be read any more, or that changed without a new revision, stays in force as it was last
stored, and is named. Pure: whoever calls has read files and store.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Final, NamedTuple

from cityvitals.errors import BadRule
from kpi_rules.built import Refused, sift
from kpi_rules.load import Loaded, Problem, file_of, read_definition
from kpi_rules.model import Rule

_UNCHANGED: Final = "its text was changed but its revision is still {}: raise `revision`"


class StoredRule(NamedTuple):
    """A revision of a rule as the store remembers it.

    Attributes:
        definition: `Rule.definition`; "" where it was stored by a build that kept none.
    """

    id: str
    revision: int
    digest: str
    definition: str


class Rulebook(NamedTuple):
    """What is in force.

    Attributes:
        rules: those that are run, sorted by id.
        refused: in order, but not to be run yet.
        complaints: what is wrong in files, and what is done instead, a line each.
    """

    rules: tuple[Rule, ...]
    refused: tuple[Refused, ...]
    complaints: tuple[str, ...]


def settle(loaded: Loaded, stored: Iterable[StoredRule], only: Sequence[str] = ()) -> Rulebook:
    """Decide what is in force.

    Args:
        loaded: what the files say, and what is wrong in them.
        stored: all that the store remembers.
        only: ids of the rules that are wanted, with * and ?; empty for all.
    """
    known = {(one.id, one.revision): one for one in stored}
    newest = {one.id: one for one in sorted(known.values(), key=lambda one: one.revision)}
    found: dict[str, Rule] = {}
    complaints: list[str] = []
    for rule in loaded.rules:
        before = known.get((rule.id, rule.revision))
        if before is None or before.digest == rule.digest:
            found[rule.id] = rule
            continue
        said = f"rule {rule.id}: {_UNCHANGED.format(rule.revision)}"
        _fall_back(rule.id, said, newest, found, complaints)
    for problem in loaded.problems:
        ids = [each for each in _concerned(problem, newest) if each not in found]
        if not ids:
            complaints.append(problem.message)
        for each in ids:
            _fall_back(each, problem.message, newest, found, complaints)
    idle = [each for each in only if not any(fnmatchcase(one, each) for one in found)]
    complaints += [f"aggregator.only: {each!r} is no rule's id" for each in idle]
    wanted = [each for each in sorted(found) if _is_wanted(each, only)]
    able, refused = sift(found[each] for each in wanted)
    return Rulebook(able, refused, tuple(complaints))


def _is_wanted(rule: str, only: Sequence[str]) -> bool:
    return not only or any(fnmatchcase(rule, pattern) for pattern in only)


def _concerned(problem: Problem, newest: Mapping[str, StoredRule]) -> list[str]:
    """The rules that a problem keeps from being read: of a whole file, those that stood there."""
    if not problem.whole:
        return list(problem.ids)
    stood = [one.id for one in newest.values() if _stood_in(problem.file, one)]
    return sorted({*problem.ids, *stood})


def _stood_in(place: str, one: StoredRule) -> bool:
    """Whether a rule stood in a file, or in a file of a folder."""
    return PurePath(file_of(one.definition)).is_relative_to(place) if one.definition else False


def _fall_back(
    rule: str,
    problem: str,
    newest: Mapping[str, StoredRule],
    found: dict[str, Rule],
    complaints: list[str],
) -> None:
    """Keep the last good revision in force, and say so."""
    before = newest.get(rule)
    if before is None:
        complaints.append(f"{problem} (rule {rule} is not run: no revision was ever in force)")
    elif not before.definition:
        complaints.append(f"{problem} (rule {rule} is not run: no definition of it was kept)")
    else:
        try:
            found[rule] = read_definition(before.definition)
        except BadRule as error:
            complaints.append(f"{problem} (rule {rule} is not run: as stored it is wrong: {error})")
        else:
            complaints.append(f"{problem} (rule {rule}: revision {before.revision} stays in force)")
