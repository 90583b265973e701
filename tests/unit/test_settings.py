"""Settings: environment over file over defaults; what is wrong is named, secrets never are."""

from pathlib import Path

import pytest

from cityvitals.errors import SettingsError
from cityvitals.settings import load_settings


def test_a_misspelt_section_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYVITALS_DATABSE__DSN", "postgresql://somewhere")
    with pytest.raises(SettingsError, match=r"CITYVITALS_DATABSE__DSN.*'databse'.*database"):
        load_settings()


def test_a_misspelt_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYVITALS_API__PROT", "80")
    with pytest.raises(SettingsError, match="CITYVITALS_API__PROT"):
        load_settings()


def test_a_wrong_value_is_named_with_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYVITALS_BROKER__PORT", "0")
    with pytest.raises(SettingsError, match=r"CITYVITALS_BROKER__PORT: .*greater than or equal"):
        load_settings()


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYVITALS_DATABASE__DSN", "postgresql://me:hush@here/it")
    monkeypatch.setenv("CITYVITALS_DATABASE__POOL_SIZE", "hush")
    with pytest.raises(SettingsError) as found:
        load_settings()
    assert "hush" not in str(found.value)
    monkeypatch.delenv("CITYVITALS_DATABASE__POOL_SIZE")
    assert "hush" not in repr(load_settings())


def test_the_environment_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cityvitals.toml").write_text('[broker]\nhost = "file"\nport = 1\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CITYVITALS_BROKER__PORT", "2")
    broker = load_settings().broker
    assert (broker.host, broker.port) == ("file", 2)


def test_a_broken_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cityvitals.toml").write_text("[broker\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"cityvitals\.toml"):
        load_settings()


def test_nothing_is_compressed_while_its_readings_are_still_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CITYVITALS_AGGREGATOR__LATENESS_SECONDS", "86400")
    with pytest.raises(SettingsError, match=r"compress_after_hours is 24, but .* 86460 s") as told:
        load_settings()
    assert "CITYVITALS_:" not in str(told.value)
    monkeypatch.setenv("CITYVITALS_STORAGE__COMPRESS_AFTER_HOURS", "48")
    assert load_settings().storage.compress_after_hours == 48
