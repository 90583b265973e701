"""What a killed test run left in memory goes, and nothing that anybody may still use."""

import os
from pathlib import Path

from tests.servers import remove_left_behind

GONE = 2**22 + 1
"""No process has such a number: it is more than the kernel gives."""


def test_only_what_nobody_runs_and_is_old_goes(tmp_path: Path) -> None:
    now_s = tmp_path.stat().st_mtime
    names = {
        "dead": f"cityvitals-pg-{GONE}-x",
        "ours": f"cityvitals-pg-{os.getpid()}-x",
        "other": "cityvitals-pg-abc-x",
        "foreign": f"something-{GONE}-x",
    }
    for name in names.values():
        (tmp_path / name / "data").mkdir(parents=True)
    remove_left_behind(tmp_path, now_s + 60)
    assert all((tmp_path / name).exists() for name in names.values()), "too young"
    remove_left_behind(tmp_path, now_s + 7200)
    assert {key for key, name in names.items() if not (tmp_path / name).exists()} == {"dead"}
