"""The end of a log, short enough for a line on a terminal."""

import json
from collections.abc import Sequence
from typing import Final

_LINES: Final = 3
_CHARACTERS: Final = 300
_BORING: Final = {"event", "process", "level", "timestamp", "logger", "exception"}


def last_words(log: bytes) -> str:
    """The last lines of a part's log in one: of a JSON line what happened, and why.

    Args:
        log: its end; a first line cut in the middle does no harm.
    """
    lines = [line for line in log.decode(errors="replace").splitlines() if line.strip()]
    said = " / ".join(_short(line) for line in lines[-_LINES:])
    return said if len(said) <= _CHARACTERS else f"… {said[-_CHARACTERS:]}"


def _short(line: str) -> str:
    try:
        event = json.loads(line)
    except ValueError:
        return line.strip()
    if not isinstance(event, dict):
        return line.strip()
    details = [f"{key}={value}" for key, value in event.items() if key not in _BORING]
    return " ".join([str(event.get("event", "")), *details, *_cause(event)])


def _cause(event: dict[str, object]) -> Sequence[str]:
    """The last line of a traceback, which names the error."""
    return str(event.get("exception", "")).strip().splitlines()[-1:]
