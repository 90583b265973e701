"""What `rules diff` foretells is what the aggregator does when the edited rules are in force."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from cityvitals.domain.times import EARLIEST_US, LATEST_US
from cityvitals.errors import BadRule, NotFound
from cityvitals.settings import DatabaseSettings
from cityvitals.store.derived import remember_rules
from cityvitals.verify.diff import diff, read_edited, run
from cityvitals.verify.effect import Effect
from cityvitals.verify.proposal import Scope
from kpi_rules.load import read_rules
from kpi_rules.model import Rule
from tests.integration.aggregator_town import HOUR, NOON, Row, Town, samples, town

TEXT: Final = """
[[rule]]
id = "test.pm.hour"
revision = 1
title = "Mean PM2.5"
domain = "air"
unit = "ug/m3"
digits = 1
window = { length = "hour", clock = "utc", fold = "buckets" }
space = { zone = "mean", city = "mean", min_coverage = 0.5 }
input = [{ name = "pm", quantity = "pm2_5", statistic = "mean", min_coverage = 0.5 }]
expression = "pm"
band = [
  { name = "low", to = 20, colour = "#00FF00" },
  { name = "high", colour = "#FF0000" },
]
source = "test"
verified = "own"

[[rule]]
id = "test.flow.hour"
revision = 1
title = "Water"
domain = "water"
unit = "L/s"
digits = 1
window = { length = "hour", clock = "utc", fold = "buckets" }
space = { zone = "sum", city = "sum", min_coverage = 0.0 }
input = [{ name = "flow", quantity = "water_flow", statistic = "mean", min_coverage = 0.0 }]
expression = "flow"
source = "test"
verified = "own"
"""
ALL: Final = Scope(EARLIEST_US, LATEST_US)


def revised(*changes: tuple[str, str]) -> str:
    """The text with changes in its first rule, which are revision 2."""
    first, _, second = TEXT.partition('[[rule]]\nid = "test.flow')
    for old, new in (("revision = 1", "revision = 2"), *changes):
        assert old in first
        first = first.replace(old, new, 1)
    return f'{first}[[rule]]\nid = "test.flow{second}'


def rules(text: str = TEXT) -> tuple[Rule, ...]:
    return read_rules(text, "test.toml")


async def remembered(where: Town, found: Iterable[Rule]) -> None:
    async with where.pool.acquire() as connection:
        await remember_rules(
            connection,
            [(one.id, one.revision, one.digest, one.body(), one.definition) for one in found],
        )


async def founded(where: Town) -> None:
    """Two zones' hours: `c` with gaps, so that its coverage changes from hour to hour."""
    where.rules = rules()
    await remembered(where, where.rules)
    gaps = [row for row in samples("c", 0, 6 * HOUR) if row.after // HOUR % 3 or row.after % HOUR]
    few = [Row("c", 7 * HOUR, 50.0)]
    await where.write([*samples("a", 0, 8 * HOUR), *gaps, *few, *samples("w", 0, 6 * HOUR)])
    await where.settle()


Values = dict[tuple[str, int], float | None]


async def values(where: Town) -> Values:
    """The newest value of each zone's hours."""
    rows = await where.pool.fetch(
        "select distinct on (zone, window_begin) zone, value, "
        "(extract(epoch from window_begin) * 1000000)::bigint as begin "
        "from indicator where rule = 'test.pm.hour' order by zone, window_begin, revision desc"
    )
    return {(row["zone"], row["begin"]): row["value"] for row in rows}


async def everything(where: Town) -> dict[str, Any]:
    """All that a diff must not touch."""
    tables = ("indicator", "indicator_latest", "change", "rollup", "rule", "commit_log", "fact")
    return {
        name: [tuple(row) for row in await where.pool.fetch(f"select * from {name} order by 1, 2")]  # noqa: S608
        for name in tables
    }


def foretold(effect: Effect, before: Values, after: Values) -> None:
    """Check an effect against what came to be."""
    pairs = [(key, before[key], after[key]) for key in before]
    both = [(key, old, new) for key, old, new in pairs if old is not None and new is not None]
    moved = [(key, old, new) for key, old, new in both if abs(new - old) > 1e-9 * abs(old)]
    lost = [key for key, old, new in pairs if old is not None and new is None]
    gained = [key for key, old, new in pairs if old is None and new is not None]
    assert (effect.windows, effect.gone, effect.new) == (len(before), 0, 0)
    assert (effect.changed, effect.lost, effect.gained) == (len(moved), len(lost), len(gained))
    touched = [key[1] for key, *_ in moved] + [key[1] for key in lost + gained]
    assert effect.first_changed_us == min(touched, default=None)
    assert effect.last_changed_us == max(touched, default=None)
    assert (effect.first_us, effect.last_us) == (
        min(begin for _, begin in before),
        max(begin for _, begin in before),
    )
    sizes = [abs(new - old) for _, old, new in moved]
    assert (effect.largest is None) == (not sizes)
    if effect.largest is not None:
        at = effect.largest
        assert at.size == pytest.approx(max(sizes), rel=1e-9)
        assert (before[at.zone, at.begin_us], after[at.zone, at.begin_us]) == pytest.approx(
            (at.before, at.after)
        )


CHANGES: Final = {
    "another expression": [('expression = "pm"', 'expression = "pm * 1.5"')],
    "another rounding": [
        ('expression = "pm"', 'rounding = { mode = "half_up", digits = 0 }\nexpression = "pm"')
    ],
    "less coverage": [
        ('statistic = "mean", min_coverage = 0.5', 'statistic = "mean", min_coverage = 0.1'),
        ("min_coverage = 0.5", "min_coverage = 0.1"),
    ],
    "more coverage": [
        ('statistic = "mean", min_coverage = 0.5', 'statistic = "mean", min_coverage = 0.99')
    ],
    "the worst station": [('city = "mean"', 'city = "max"')],
    "another title": [("Mean PM2.5", "PM2.5")],
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_what_is_foretold_comes_to_be(database: DatabaseSettings, name: str) -> None:
    edited = rules(revised(*CHANGES[name]))

    async def main() -> None:
        async with town(database) as where:
            await founded(where)
            before, stored = await values(where), await everything(where)
            found = await diff(database, edited, None, ALL)
            assert await everything(where) == stored
            assert (found.same, [one.rule for one in found.effects]) == (1, ["test.pm.hour"])
            where.rules, where.worker = edited, None
            await where.settle()
            foretold(found.effects[0], before, await values(where))
            assert found.effects[0].is_none == (name == "another title")

    asyncio.run(main())


def test_bands_that_change_are_counted(database: DatabaseSettings) -> None:
    edited = rules(revised(("to = 20", "to = 10")))

    async def main() -> None:
        async with town(database) as where:
            await founded(where)
            between = [v for v in (await values(where)).values() if v is not None and 10 < v <= 20]
            (effect,) = (await diff(database, edited, "town", ALL)).effects
            assert effect.bands == Counter({("low", "high"): len(between)})
            assert len(between) > 3
            assert (effect.changed, effect.is_none) == (0, False)

    asyncio.run(main())


def test_other_windows_are_gone_and_new(database: DatabaseSettings) -> None:
    edited = rules(revised(('length = "hour"', 'length = "quarter_hour"')))

    async def main() -> None:
        async with town(database) as where:
            await founded(where)
            before = await values(where)
            (effect,) = (await diff(database, edited, None, ALL)).effects
            assert (effect.windows, effect.gone) == (0, len(before))
            assert (
                effect.new == 3 * 4 * 8 + 3
            )  # the last sample holds a quarter hour into the ninth

    asyncio.run(main())


def test_only_some_windows_are_looked_at_in_portions(
    database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Portions of one window each come to the same as one of all."""
    edited = rules(revised(*CHANGES["another expression"]))

    async def main() -> None:
        async with town(database) as where:
            await founded(where)
            (whole,) = (await diff(database, edited, None, ALL)).effects
            (some,) = (
                await diff(database, edited, None, Scope(NOON + HOUR, NOON + 3 * HOUR))
            ).effects
            assert (some.windows, some.changed) == (6, 6)
            assert (some.first_us, some.last_us) == (NOON + HOUR, NOON + 2 * HOUR)
            capsys.readouterr()
            monkeypatch.setattr("cityvitals.verify.proposal._CELLS", 1)
            (portions,) = (await diff(database, edited, None, ALL)).effects
            assert portions == whole
            assert len(capsys.readouterr().err.splitlines()) > 1

    asyncio.run(main())


def test_what_is_printed(database: DatabaseSettings, tmp_path: Path) -> None:
    path = tmp_path / "edited.toml"
    path.write_text(revised(*CHANGES["another expression"]).replace("revision = 2", "revision = 1"))

    async def main() -> None:
        async with town(database) as where:
            await founded(where)

    asyncio.run(main())
    text = run(database, path, None, ALL, as_json=False)
    assert "test.pm.hour revision 1, city town\n" in text
    assert "to take effect it needs `revision = 2`: 1 is taken" in text
    assert "would change, 0 be lost, 0 gained" in text
    assert "low becomes high: " in text
    assert text.endswith("1 rules are in the database as they stand here")
    (line,) = run(database, tmp_path, "town", ALL, as_json=True).splitlines()
    shown = json.loads(line)
    assert shown["rule"] == "test.pm.hour"
    assert (shown["windows"], shown["changed"]) == (27, 20)  # seven have no value
    assert shown["largest"]["after"] == pytest.approx(1.5 * shown["largest"]["before"])
    path.write_text(TEXT)
    text = run(database, path, None, ALL, as_json=False)
    assert text == "nothing stored would change\n2 rules are in the database as they stand here"


PM: Final = 'input = [{ name = "pm", quantity = "pm2_5", statistic = "mean", min_coverage = 0.5 }]'


def test_a_rule_that_becomes_one_of_facts_alone_loses_what_nobody_states(
    database: DatabaseSettings,
) -> None:
    fact = 'fact = [{ name = "guess", unit = "ug/m3" }]'
    edited = rules(revised((PM, fact), ('expression = "pm"', 'expression = "guess"')))

    async def main() -> None:
        async with town(database) as where:
            await founded(where)
            before = await values(where)
            (effect,) = (await diff(database, edited, None, ALL)).effects
            known = [one for one in before.values() if one is not None]
            assert (effect.windows, effect.lost) == (len(before), len(known))

    asyncio.run(main())


def test_what_nobody_can_tell_and_what_concerns_nobody(database: DatabaseSettings) -> None:
    flagged = PM.replace("min_coverage = 0.5", 'min_coverage = 0.5, flags = ["clock_skew"]')
    other = TEXT.replace("test.pm", "test.other").replace("pm2_5", "pm10")

    async def main() -> None:
        async with town(database) as where:
            await founded(where)
            edited = [rules(revised((PM, flagged)))[1], rules(other)[1]]
            assert [one.id for one in edited] == ["test.pm.hour", "test.other.hour"]
            (effect,) = (await diff(database, edited, None, ALL)).effects
            assert effect.note.startswith("nobody can tell: ")
            assert "flags" in effect.note
            with pytest.raises(NotFound, match="there is no city 'ghost'"):
                await diff(database, edited, "ghost", ALL)

    asyncio.run(main())


def test_wrong_files_are_named_all(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TEXT.replace('expression = "pm"', 'expression = "pn"'))
    (tmp_path / "b.toml").write_text(TEXT.replace("[[rule]]", "[[rule", 1))
    with pytest.raises(BadRule, match=r"a\.toml:12: rule 'test.pm.hour'.*\n.*b\.toml: not TOML"):
        read_edited(tmp_path)
    with pytest.raises(BadRule, match=r"none\.toml: cannot be read"):
        read_edited(tmp_path / "none.toml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadRule, match="expected a TOML file, or a folder of some"):
        read_edited(tmp_path / "empty")
