"""TLS and password settings: what is wrong is named with its file; secrets never are."""

import shutil
from pathlib import Path

import pytest

from cityvitals.errors import SettingsError
from cityvitals.settings import BrokerSettings, load_settings
from cityvitals.tls import client_context, password_of
from tests.tls_broker import Authority

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="no openssl here: apt-get install openssl"
)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"CA_FILE": "ca.pem"}, "ca_file is set, but tls is not"),
        ({"TLS": "true", "CLIENT_KEY_FILE": "k"}, "client_key_file is set, but client_cert_file"),
        ({"CLIENT_CERT_FILE": "c"}, "client_cert_file is set, but tls is not"),
        ({"CLIENT_KEY_PASSWORD": "hush"}, "client_key_password is set, but client_key_file"),
        ({"PASSWORD": "hush"}, "password is set, but username is not"),
        ({"PASSWORD_FILE": "p"}, "password_file is set, but username is not"),
        ({"USERNAME": "u", "PASSWORD": "hush", "PASSWORD_FILE": "p"}, "are both set"),
        ({"PROTOCOL": "4"}, "CITYVITALS_BROKER__PROTOCOL: "),
    ],
)
def test_what_does_not_fit_together_is_named(
    given: dict[str, str], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"CITYVITALS_BROKER__{name}", value)
    with pytest.raises(SettingsError, match=why) as found:
        load_settings()
    assert "CITYVITALS_BROKER" in str(found.value)
    assert "hush" not in str(found.value)


def test_a_password_comes_from_its_file_without_the_line_end(tmp_path: Path) -> None:
    (tmp_path / "p").write_text(" hush \n")
    broker = BrokerSettings(username="u", password_file=tmp_path / "p")
    assert password_of(broker) == " hush "
    assert "hush" not in repr(broker)
    assert password_of(BrokerSettings()) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"\n", "empty"), (b"hush\xff", "not UTF-8")],
)
def test_a_bad_password_file_is_named_and_not_shown(
    content: bytes | None, why: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "p").write_bytes(content)
    with pytest.raises(SettingsError, match=rf"broker\.password_file: .*/p: .*{why}") as found:
        password_of(BrokerSettings(username="u", password_file=tmp_path / "p"))
    assert "hush" not in str(found.value)


@pytest.mark.parametrize("content", [None, "hush"])
def test_a_bad_authority_is_named(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(SettingsError, match=r"broker\.ca_file: .*ca\.pem: ") as found:
        client_context(BrokerSettings(tls=True, ca_file=tmp_path / "ca.pem"))
    assert "hush" not in str(found.value)


@needs_openssl
def test_a_key_that_does_not_fit_is_named_and_not_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("one", "one", "-passout", "pass:hush")
    other = authority.issue("two", "two")[1]
    base = {"tls": True, "client_cert_file": certificate}
    good = base | {"client_key_file": key, "client_key_password": "hush"}
    assert client_context(BrokerSettings.model_validate(good)) is not None
    for bad in (
        {"client_key_file": other},
        {"client_key_file": key},
        {"client_key_file": key, "client_key_password": "hush-hush"},
        {"client_key_file": authority.file},
        {},
    ):
        with pytest.raises(SettingsError, match=r"broker\.client_cert_file: .*one\.pem") as found:
            client_context(BrokerSettings.model_validate(base | bad))
        assert "hush" not in str(found.value)
    missing = base | {"client_key_file": tmp_path / "none"}
    with pytest.raises(SettingsError, match=r"broker\.client_key_file: .*none: No such file"):
        client_context(BrokerSettings.model_validate(missing))
