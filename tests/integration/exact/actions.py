"""What a run of the state machine may do, by the names that it counts."""

from typing import Final

ACTIONS: Final = (
    "both shards",
    "catch up",
    "crash",
    "crash in a cycle",
    "crash in a save",
    "crash in a start",
    "cycle",
    "declaration",
    "duplicate",
    "fact",
    "in order",
    "ingest restarts",
    "late",
    "limit",
    "odd clock",
    "on an edge",
    "placement",
    "registry",
    "revision",
    "rules",
    "save",
    "status",
    "takeover",
    "verify in the end",
    "verify on the way",
    "wait",
    "wake of the fenced",
)
"""What a run may do; each must have occurred often."""
