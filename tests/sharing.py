"""Which tests stay together where two run at a time.

pytest-xdist's own `loadgroup` writes the group into the node id, where pytest 9 no longer reads
it: the groups had no effect.
"""

from typing import Final

from xdist.scheduler import LoadScopeScheduling

_GROUPS: Final = {
    "acceptance": "processes",
    "faults": "processes",
    "conformance": "timescaledb",
    "timescaledb": "timescaledb",
}
_FIRST: Final = ("processes", "timescaledb")


def group_of(node_id: str) -> str:
    """The group of a test: one worker runs all of it, in order.

    One worker has what mostly waits for real processes, the other the rest. What needs a
    TimescaleDB stays together: one takes seconds to start, and half a gigabyte. All else stays
    together by file.
    """
    path = node_id.split("::", maxsplit=1)[0]
    return _GROUPS.get(suite_of(node_id), path)


def suite_of(node_id: str) -> str:
    """The folder under `tests/` that a test is in, '' if none."""
    parts = node_id.split("/")
    return parts[1] if len(parts) > 1 else ""


def rank(node_id: str) -> int:
    """The longest groups begin first."""
    group = group_of(node_id)
    return _FIRST.index(group) if group in _FIRST else len(_FIRST)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out whole groups, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
