"""A database with the roles of deploy/database/roles.sql, made by that very file."""

import secrets
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from cityvitals.settings import DatabaseSettings
from deploy.local.lodging import shipped_programs
from tests import state
from tests.servers import PostgresServer

ROLES: Final = Path(__file__).parents[1] / "deploy" / "database" / "roles.sql"
OWNER, WRITER = "cityvitals_owner", "cityvitals_writer"
AGGREGATOR, READER = "cityvitals_aggregator", "cityvitals_reader"
_PASSWORDS: Final = {
    role: secrets.token_urlsafe(12) for role in (OWNER, WRITER, AGGREGATOR, READER)
}
"""Roles belong to a server, which tests share."""


def set_up(server: PostgresServer, database: str) -> None:
    """Make roles and a database, as an operator does."""
    admin = server.admin_dsn()
    command = [str(shipped_programs() / "psql"), "-X", "-v", "ON_ERROR_STOP=1"]
    command += ["-v", f"database={database}", "-f", str(ROLES), admin]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    set_passwords(server)


def set_passwords(server: PostgresServer) -> dict[str, str]:
    """Give the roles passwords; which."""
    for role, password in _PASSWORDS.items():
        state.run(server.admin_dsn(), f"alter role {role} password '{password}'")
    return dict(_PASSWORDS)


def as_role(server: PostgresServer, database: str, role: str) -> DatabaseSettings:
    """How a role connects."""
    place = urlsplit(server.dsn(database))
    netloc = f"{role}:{_PASSWORDS[role]}@{place.hostname}:{place.port}"
    return DatabaseSettings(dsn=SecretStr(urlunsplit(place._replace(netloc=netloc))))
