"""Tokens of the API: made, found by hash, revoked; and the audit of what was changed by them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from cityvitals.errors import NotFound
from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection, Pool
from cityvitals.store.sql import queries
from cityvitals.store.views import Row

PREFIX: Final = "cv"
_ID_BYTES: Final = 5
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Token:
    """Whom a request comes from, and what they may.

    Attributes:
        cities: ids of those it is for; None for all.
    """

    id: str
    name: str
    scopes: frozenset[str]
    cities: frozenset[str] | None


def hash_of(secret: str) -> bytes:
    """What the database keeps of a token: its secret has 256 random bits, so no salt is needed."""
    return sha256(secret.encode()).digest()


async def create_token(
    pool: Pool,
    name: str,
    scopes: Sequence[str],
    cities: Sequence[str] | None,
    expires_at: datetime | None,
) -> str:
    """Make a token; what it returns is kept nowhere, and shown once.

    Raises:
        StoreUnavailable: the server is away.
    """
    identity = secrets.token_hex(_ID_BYTES)
    secret = f"{PREFIX}_{identity}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    named = None if cities is None else list(cities)
    with translated("making a token"):
        await pool.fetchval(
            queries("tokens")["add"],
            identity,
            hash_of(secret),
            name,
            list(scopes),
            named,
            expires_at,
        )
    return secret


async def find_token(connection: Connection, hashed: bytes) -> Token | None:
    """The token with a hash, if it is in force.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("looking for a token"):
        row = await connection.fetchrow(queries("tokens")["find"], hashed)
    if row is None:
        return None
    cities = None if row["cities"] is None else frozenset(row["cities"])
    return Token(row["id"], row["name"], frozenset(row["scopes"]), cities)


async def list_tokens(pool: Pool) -> Sequence[Row]:
    """Every token without its hash, those in force first.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("listing tokens"):
        found: Any = await pool.fetch(queries("tokens")["list"])
    rows: Sequence[Row] = found
    return rows


async def revoke_token(pool: Pool, identity: str) -> None:
    """Have a token not be in force any more.

    Raises:
        NotFound: none of this id is in force.
        StoreUnavailable: the server is away.
    """
    with translated("revoking a token"):
        found = await pool.fetchval(queries("tokens")["revoke"], identity)
    if found is None:
        raise NotFound(f"no token {identity!r} is in force; `cityvitals token list` shows them")


async def write_audit(
    connection: Connection, token: Token, city: str, action: str, body: Any
) -> None:
    """Note a change in the transaction that makes it.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("noting a change"):
        await connection.execute(queries("tokens")["audit"], token.id, city, action, body)


async def list_audit(connection: Connection, city: str, before: int, limit: int) -> Sequence[Row]:
    """What was changed in a city through the API before a number, newest first.

    Raises:
        StoreUnavailable: the server is away.
    """
    with translated("listing changes"):
        found: Any = await connection.fetch(queries("tokens")["audits"], city, before, limit)
    rows: Sequence[Row] = found
    return rows
