"""Hundreds of cases of our own, by the rules and by plain Python: no failure, none uncovered."""

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from kpi_rules.load import load_rules
from tests.reference.judge import Verdict, judge
from tests.reference.mapping import load
from tests.reference.variants import america, asia, city, europe
from tests.reference.variants.tables import Case

MAKERS: Final[dict[str, Callable[[], Iterator[Case]]]] = {
    "america": america.cases,
    "europe": europe.cases,
    "asia": asia.cases,
    "city": city.cases,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_other_numbers_come_out_as_well(make: Callable[[], Iterator[Case]]) -> None:
    mappings, rules = load(), {rule.id: rule for rule in load_rules()}
    found, wrong = 0, []
    for one in make():
        found += 1
        verdict, why = judge(one, mappings, rules)
        if verdict is not Verdict.PASS:
            wrong.append(f"{verdict} {one['id']}: expected {one['expected']}: {why}")
    assert found > 100
    assert not wrong, f"{len(wrong)} of {found}:\n" + "\n".join(wrong[:80])
