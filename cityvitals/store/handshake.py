"""TLS with the database, as its DSN asks for it: what is wrong, told before waiting for ever."""

import os
import ssl
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cityvitals.errors import SettingsError

_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_DSN: Final = "CITYVITALS_DATABASE__DSN"


class _Asked(NamedTuple):
    """What a DSN says of TLS, without user and password."""

    place: str
    mode: str
    files: dict[str, str]


def require_files(dsn: str) -> None:
    """Refuse a DSN that names files which cannot be read: later that looks like an absent server.

    Raises:
        SettingsError: naming the parameter and its file.
    """
    for name, path in _asked(dsn).files.items():
        try:
            with open(path, "rb"):  # noqa: PTH123 (only tried)
                pass
        except OSError as error:
            raise SettingsError(f"{_DSN}: {name}: {path}: {error.strerror}") from None


def explained(dsn: str, error: OSError) -> SettingsError | None:
    """What a failed TLS handshake says of the settings; None where it was something else."""
    asked = _asked(dsn)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _told(asked, _mistrust(asked, error))
    if isinstance(error, ssl.SSLError):
        why = (error.reason or str(error)).lower().replace("_", " ")
        return _told(
            asked,
            f"no TLS connection: {why}: are sslrootcert, sslcert and sslkey PEM files that belong "
            "together, and does the server ask for a client's certificate (sslcert, sslkey)?",
        )
    if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
        return _told(
            asked,
            f"the server does not speak TLS, but sslmode={asked.mode} asks for it: have it set "
            "ssl = on with a certificate and its key (postgresql.conf)",
        )
    return None


def _mistrust(asked: _Asked, error: ssl.SSLCertVerificationError) -> str:
    why = error.verify_message.rstrip(".")
    if "mismatch" in why.lower():
        return (
            f"the server's certificate names another host: {why}: connect by a name that it has, "
            "or give the server a certificate that names this one (sslmode=verify-full asks for it)"
        )
    trusted = asked.files.get("sslrootcert", "~/.postgresql/root.crt")
    return (
        f"the server's certificate is not trusted: {why}: sslrootcert, which is {trusted}, must be "
        "the PEM file of the authority that signed it"
    )


def _told(asked: _Asked, what: str) -> SettingsError:
    return SettingsError(f"{_DSN}: {asked.place}: {what}")


def _asked(dsn: str) -> _Asked:
    """What a DSN, or else libpq's variables, ask for; nothing where it is no URL."""
    try:
        parts = urlsplit(dsn)
        given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    except ValueError:
        return _Asked("", "", {})
    files = {name: given.get(name) or os.environ.get(f"PG{name.upper()}", "") for name in _FILES}
    return _Asked(
        parts.netloc.rpartition("@")[2],
        given.get("sslmode") or os.environ.get("PGSSLMODE", "prefer"),
        {name: path for name, path in files.items() if path},
    )
