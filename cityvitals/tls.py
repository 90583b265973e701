"""What connecting to the broker needs besides its address: a TLS context, and the password."""

import ssl
from pathlib import Path

from cityvitals.errors import SettingsError
from cityvitals.settings import BrokerSettings


def client_context(broker: BrokerSettings) -> ssl.SSLContext | None:
    """What to wrap the broker's socket with, under its `host` as server name; None without TLS.

    At least TLS 1.2; the broker's certificate must name `host` and come from `ca_file`, or from an
    authority that the machine trusts. There is no setting that turns this off.

    Raises:
        SettingsError: naming the setting and its file, and what is wrong with it.
    """
    if not broker.tls:
        return None
    for name in ("ca_file", "client_cert_file", "client_key_file"):
        _require_readable(name, getattr(broker, name))
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
    except OSError as error:
        raise _unusable("ca_file", broker.ca_file, error) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_identity(context, broker)
    return context


def password_of(broker: BrokerSettings) -> str | None:
    """The password, from its setting or its file, without the file's last line end.

    Raises:
        SettingsError: the file cannot be read or is empty.
    """
    if broker.password_file is None:
        return None if broker.password is None else broker.password.get_secret_value()
    try:
        found = broker.password_file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable("password_file", broker.password_file, error) from None
    if not found:
        raise SettingsError(f"broker.password_file: {broker.password_file}: the file is empty")
    return found


def explain(broker: BrokerSettings, error: ssl.SSLError) -> str:
    """What to tell the operator of a failed handshake: which settings it is about."""
    place = f"broker {broker.host}:{broker.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        trusted = broker.ca_file or "the machine's authorities"
        return (
            f"{place}: its certificate is not trusted: {error.verify_message} "
            f"(broker.host is {broker.host}, broker.ca_file is {trusted})"
        )
    return (
        f"{place}: no TLS connection: {_why(error)} (does this port speak TLS? does it ask for "
        "broker.client_cert_file and broker.client_key_file?)"
    )


def _load_identity(context: ssl.SSLContext, broker: BrokerSettings) -> None:
    if broker.client_cert_file is None:
        return
    secret = broker.client_key_password
    try:
        context.load_cert_chain(
            broker.client_cert_file,
            broker.client_key_file,
            # Given also where there is none: OpenSSL would ask on the terminal, and wait.
            secret.get_secret_value() if secret else "",
        )
    except (OSError, ValueError) as error:
        key = broker.client_key_file or broker.client_cert_file
        raise SettingsError(
            f"broker.client_cert_file: {broker.client_cert_file} with the key in {key}: "
            f"{_why(error)}; expected a PEM certificate and its own key, and "
            "broker.client_key_password where the key is encrypted"
        ) from None


def _require_readable(name: str, path: Path | None) -> None:
    if path is None:
        return
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise _unusable(name, path, error) from None


def _unusable(name: str, path: Path | None, error: Exception) -> SettingsError:
    return SettingsError(f"broker.{name}: {path}: {_why(error)}")


def _why(error: Exception) -> str:
    """An error in words, without what it may quote from a file."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not in PEM form").lower().replace("_", " ")
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else type(error).__name__
