"""Final windows as a review takes them: which of them follow each other. Pure."""

from collections.abc import Sequence

import numpy as np

from aggregator.alerting.course import Judged
from cityvitals.domain.window import spans
from cityvitals.store.alerts import FinalWindow
from kpi_rules.model import Window


def judged(
    windows: Sequence[FinalWindow], of: Window, time_zone: str, before: FinalWindow | None
) -> list[Judged]:
    """Windows in order, each with whether none lies between it and the one before.

    Args:
        windows: of one indicator.
        of: where the rule's windows lie.
        time_zone: of the city.
        before: the one that was read before them; None where they are the first.
    """
    if not windows:
        return []
    follows = _places(windows, of, time_zone, before)
    return [
        Judged(one.begin, one.value, follow) for one, follow in zip(windows, follows, strict=True)
    ]


def _places(
    windows: Sequence[FinalWindow], of: Window, time_zone: str, before: FinalWindow | None
) -> list[bool]:
    all_ = list(windows) if before is None else [before, *windows]
    begins = np.array([one.begin for one in all_], np.int64)
    grid, _ = spans(
        str(of.length), str(of.clock), time_zone, all_[0].begin, all_[-1].begin, str(of.step or "")
    )
    at = np.searchsorted(grid, begins)
    on_grid = grid[np.minimum(at, len(grid) - 1)] == begins
    follows: list[bool] = ((np.diff(at) == 1) & on_grid[1:] & on_grid[:-1]).tolist()
    return follows if before is not None else [False, *follows]
