"""What `up` writes down for who wants to join in: its settings, and which servers are its own.

Whoever reads the file into a shell has those settings for the next `up`, too. That one must start
its own servers all the same, and not look for them as if they were somebody else's.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_DSN: Final = "CITYVITALS_DATABASE__DSN"
_HOST: Final = "CITYVITALS_BROKER__HOST"
_PORT: Final = "CITYVITALS_BROKER__PORT"
_OWN: Final = "# started by up itself: "


@dataclass(frozen=True, slots=True)
class Note:
    """Where an earlier `up` had servers of its own.

    Attributes:
        dsn: of its database; empty where it had none of its own.
        broker: host and port of its broker; None where it had none of its own.
    """

    dsn: str = ""
    broker: tuple[str, int] | None = None


def write_note(
    path: Path, environment: Mapping[str, str], *, own_broker: bool, own_database: bool
) -> None:
    """Write settings as shell variables; they hold a password, so only their owner reads them."""
    own = ["broker"] * own_broker + ["database"] * own_database
    lines = [f"{_OWN}{' '.join(own)}\n"]
    lines += [f"{name}={shlex.quote(value)}\n" for name, value in environment.items()]
    path.touch(mode=0o600)
    path.write_text("".join(lines))


def read_note(path: Path) -> Note:
    """What the last `up` wrote; nothing where there is no such file, or it is an older build's."""
    if not path.exists():
        return Note()
    first, *lines = path.read_text().splitlines() or [""]
    own = first.removeprefix(_OWN).split() if first.startswith(_OWN) else []
    said = dict(word.split("=", 1) for line in lines for word in shlex.split(line) if "=" in word)
    has_broker = "broker" in own and said.get(_PORT, "").isdigit()
    return Note(
        dsn=said.get(_DSN, "") if "database" in own else "",
        broker=(said.get(_HOST, ""), int(said[_PORT])) if has_broker else None,
    )
