"""Named queries from `.sql` files: each begins with `-- name: <name>` and a sentence of purpose."""

from functools import cache
from importlib.resources import files
from typing import Final

_MARK: Final = "-- name: "


@cache
def queries(topic: str) -> dict[str, str]:
    """The queries of `cityvitals/store/<topic>.sql`, by name.

    Raises:
        ValueError: a name stands twice, or text stands before the first name.
    """
    text = (files("cityvitals.store") / f"{topic}.sql").read_text(encoding="utf-8")
    head, *sections = text.split(_MARK)
    if any(line and not line.startswith("--") for line in head.splitlines()):
        msg = f"{topic}.sql: SQL before the first name"
        raise ValueError(msg)
    found: dict[str, str] = {}
    for section in sections:
        name, _, body = section.partition("\n")
        if name.strip() in found:
            msg = f"{topic}.sql: {name.strip()} stands twice"
            raise ValueError(msg)
        found[name.strip()] = body.strip()
    return found
