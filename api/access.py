"""Who may do what: tokens by their hash, scopes, and the cities that a token is for."""

import time
from collections import OrderedDict
from typing import Final

from starlette.requests import Request

from api.database import Database
from api.endpoint import READ
from api.refusals import Forbidden, Unauthorized
from cityvitals.store.tokens import Token, find_token, hash_of

ADMIN: Final = "admin"
FACTS: Final = "facts"
ALERTS: Final = "alerts"
_IMPLIES: Final = {
    READ: {READ, ALERTS, FACTS, ADMIN},
    ALERTS: {ALERTS, ADMIN},
    FACTS: {FACTS, ADMIN},
    ADMIN: {ADMIN},
}
"""By what is needed: the scopes that allow it."""
_KEPT: Final = 1_000
_SECONDS: Final = 5.0
_KEY: Final = "cityvitals.token"


class Access:
    """Lets requests in.

    A token that was found counts for five seconds without another look, so one that is revoked
    may be used so long. Bounded: the thousand tokens used last.

    Args:
        database: where tokens are.
        reads_openly: whether nobody needs a token to read.
    """

    def __init__(self, database: Database, *, reads_openly: bool) -> None:
        self._database = database
        self._reads_openly = reads_openly
        self._known: OrderedDict[bytes, tuple[Token, float]] = OrderedDict()

    async def admit(self, request: Request, scope: str) -> None:
        """Let a request in that may have what it asks for.

        Raises:
            Unauthorized: nobody knows who asks.
            Forbidden: they may not do this, or not of this city.
            StoreUnavailable: the database is away.
        """
        secret = _bearer(request)
        if secret is None:
            if scope == READ and self._reads_openly:
                return
            raise Unauthorized(
                "expected the header `Authorization: Bearer TOKEN`; "
                "`cityvitals token create` makes one"
            )
        token = await self._find(hash_of(secret))
        if not token.scopes & _IMPLIES[scope]:
            raise Forbidden(f"token {token.id} lacks the scope {scope!r}")
        city = request.path_params.get("city") or request.query_params.get("city")
        if city is not None and token.cities is not None and city not in token.cities:
            raise Forbidden(f"token {token.id} is not for city {city!r}")
        request.scope[_KEY] = token

    async def _find(self, hashed: bytes) -> Token:
        now = time.monotonic()
        known = self._known.get(hashed)
        if known is not None and known[1] > now:
            return known[0]
        async with self._database.connection() as connection:
            token = await find_token(connection, hashed)
        if token is None:
            self._known.pop(hashed, None)
            raise Unauthorized("this token is not known, or was revoked, or is past its time")
        self._known[hashed] = token, now + _SECONDS
        self._known.move_to_end(hashed)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return token


def _bearer(request: Request) -> str | None:
    """The token of a request.

    Raises:
        Unauthorized: there is something else instead.
    """
    said = request.headers.get("authorization")
    if said is None:
        return None
    kind, _, secret = said.partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise Unauthorized("expected `Authorization: Bearer TOKEN`, got something else")
    return secret.strip()


def token_of(request: Request) -> Token | None:
    """The token that a request was let in by; None where it took none."""
    found: Token | None = request.scope.get(_KEY)
    return found


def required_token(request: Request) -> Token:
    """The token of a request whose route takes one.

    Raises:
        Unauthorized: it was let in without.
    """
    token = token_of(request)
    if token is None:
        raise Unauthorized("this takes a token")
    return token


def may_see(request: Request, city: str) -> bool:
    """Whether whoever asks may know of a city."""
    token = token_of(request)
    return token is None or token.cities is None or city in token.cities


def require_all_cities(request: Request) -> None:
    """See that whoever asks may know of every city.

    Raises:
        Forbidden: they may not.
    """
    token = token_of(request)
    if token is not None and token.cities is not None:
        raise Forbidden(f"token {token.id} is for some cities only, and this is of all")
