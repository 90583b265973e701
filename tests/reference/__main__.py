"""`python -m tests.reference CASES.json`: each case's verdict, and a count for each standard."""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

from kpi_rules.load import load_rules
from tests.reference.judge import Verdict, judge
from tests.reference.mapping import load


def main(arguments: list[str]) -> int:
    """Judge a file of cases; 1 if any fails, 2 if the file cannot be read."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tests.reference CASES.json\n")
        return 2
    try:
        cases = json.loads(Path(arguments[0]).read_text("utf-8"))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{arguments[0]}: {error}\n")
        return 2
    rules, mappings = {rule.id: rule for rule in load_rules()}, load()
    counts: dict[str, Counter[Verdict]] = defaultdict(Counter)
    for case in cases:
        verdict, why = judge(case, mappings, rules)
        counts[case["standard"]][verdict] += 1
        sys.stdout.write(f"{verdict:9} {case['id']}{f': {why}' if why else ''}\n")
    _summary(counts)
    return 1 if any(each[Verdict.FAIL] for each in counts.values()) else 0


def _summary(counts: dict[str, Counter[Verdict]]) -> None:
    sys.stdout.write("\n")
    for standard in sorted(counts):
        sys.stdout.write(f"{_counted(counts[standard])}  {standard}\n")
    total = sum(counts.values(), Counter[Verdict]())
    sys.stdout.write(f"{_counted(total)}  all\n")


def _counted(found: Counter[Verdict]) -> str:
    return "  ".join(f"{found[each]:4d} {each}" for each in Verdict)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
