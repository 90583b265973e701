"""Which tests stay together where two run at a time.

pytest-xdist's own `loadgroup` writes the group into the node id, where pytest 9 no longer reads
it: the groups had no effect.
"""

from typing import Final

from xdist.scheduler import LoadScopeScheduling

_GROUPS: Final = {
    "acceptance": "processes",
    "conformance": "timescaledb",
    "timescaledb": "timescaledb",
}
_FIRST: Final = ("processes", "timescaledb", "faults", "deploy", "integration")
"""Groups, then suites by how long their files take: at the end there are short ones to share."""


def group_of(node_id: str) -> str:
    """The group of a test: one worker runs all of it, in order.

    One worker has what begins with the whole service, a browser or both. What needs a TimescaleDB
    stays together: one takes seconds to start, and half a gigabyte. All else stays together by
    file; those of `faults`, a minute each, both workers share.
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
    name = group if group in _FIRST else suite_of(node_id)
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out whole groups, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
