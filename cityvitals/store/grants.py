"""Who may do what: the roles of deploy/database/roles.sql get what grants.sql says, no more."""

from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries


async def grant_all(connection: Connection) -> None:
    """Give our roles their rights in the current schema, as its owner; does it anew each time.

    A server without the roles, such as the one of `make up`, is left as it is.

    Raises:
        StoreUnavailable: the server is away.
    """
    sql = queries("grants")
    with translated("granting rights to our roles"):
        roles = [row["role"] for row in await connection.fetch(sql["roles"])]
        if not roles:
            return
        async with connection.transaction():
            await connection.execute(sql["lock"])
            owned = dict(await connection.fetchrow(sql["owned"]) or {})
            for role in roles:
                for script in (sql["base"], sql[role]):
                    await connection.execute(script.format(role=role, **owned))
