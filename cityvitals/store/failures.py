"""The store's edge: driver errors become ours here and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from cityvitals.errors import (
    NoPartition,
    StoreConflict,
    StoreTimeout,
    StoreUnavailable,
    UnfitServer,
)

_CONFLICTS = (
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # "cannot switch to state ...": the server went away meanwhile
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # we slept in a transaction, and it is gone
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
_RIGHTS = (
    "connect as the role that deploy/database/roles.sql makes for this command (see "
    "docs/operations.md), or, after a change, have its owner run `cityvitals migrate`"
)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Translate what asyncpg raises while `doing` something.

    Raises:
        StoreConflict: another transaction was in the way; doing it again can succeed.
        StoreTimeout: the server ended a query, for it took longer than may be.
        StoreUnavailable: the server is away, restarting, full or read-only; wait and try again.
        UnfitServer: the database's user lacks a right that this needs; names the remedy.
    """
    try:
        yield
    except _CONFLICTS as error:
        raise StoreConflict(f"{doing}: {error}") from error
    except asyncpg.CheckViolationError as error:
        if error.constraint_name is not None:
            raise
        raise NoPartition(f"{doing}: {error}") from error
    except asyncpg.QueryCanceledError as error:
        raise StoreTimeout(f"{doing}: the database ended the query: {error}") from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise UnfitServer(f"{doing}: {error}: {_RIGHTS}") from error
    except _AWAY as error:
        raise StoreUnavailable(f"{doing}: {type(error).__name__}: {error}") from error
