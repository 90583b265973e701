"""Where the embedded PostgreSQL lives: never at the price of a folder's permissions."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cityvitals.errors import SettingsError
from deploy.local.lodging import Lodging, find_lodging, remove_lodging
from deploy.local.ports import free_port
from deploy.local.postgres import EmbeddedPostgres


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cityvitals-lodging-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def _modes(folder: Path) -> list[int]:
    return [step.stat().st_mode for step in (folder, *folder.parents)]


def _found(data: Path) -> Lodging:
    before = _modes(data)
    lodging = find_lodging(data)
    assert _modes(data) == before
    assert (lodging.programs / "postgres").exists()
    return lodging


def test_in_an_open_folder_it_lives_with_the_data(open_folder: Path) -> None:
    lodging = _found(open_folder)
    assert lodging.home == open_folder / "postgres"
    remove_lodging(open_folder)
    assert not lodging.home.exists()


def test_behind_a_closed_folder_roots_lives_elsewhere_and_is_found_again(open_folder: Path) -> None:
    data = open_folder / "closed" / "var"
    data.parent.mkdir(mode=0o700)
    data.mkdir()
    lodging = _found(data)
    if os.geteuid() == 0:
        assert lodging.user
        assert open_folder not in lodging.home.parents
        assert (data / "postgres.place").read_text().strip() == str(lodging.home)
    assert find_lodging(data) == lodging
    remove_lodging(data)
    assert not lodging.home.exists()


def test_a_cluster_of_another_version_is_told_with_the_remedy(open_folder: Path) -> None:
    cluster = _found(open_folder).cluster
    cluster.mkdir()
    (cluster / "PG_VERSION").write_text("12\n")
    server = EmbeddedPostgres(open_folder, free_port())
    with pytest.raises(
        SettingsError, match=r"made by PostgreSQL 12, and this build has 18: .*pg_dump"
    ):
        asyncio.run(server.start())
