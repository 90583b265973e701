"""Who sets up a database as docs/operations.md says: types its very commands into a shell."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from deploy.local.lodging import shipped_programs

ROOT: Final = Path(__file__).parents[2]
_PAGE: Final = (ROOT / "docs" / "operations.md").read_text()


def blocks(heading: str) -> list[str]:
    """The commands under a heading of the page, block by block."""
    section = _PAGE.split(f"### {heading}\n")[1]
    section = re.split(r"^##", section, flags=re.MULTILINE)[0]
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


class Operator:
    """Who types the page's commands, and has a `.pgpass`.

    Args:
        admin: how a superuser reaches the server.
        folder: where they sit.
        otherwise: what of the page is said otherwise here, such as names.
    """

    def __init__(self, admin: str, folder: Path, **otherwise: str) -> None:
        self._folder = folder
        place = urlsplit(admin)
        self._passwords = folder / "pgpass"
        self._passwords.write_text(f"*:*:*:postgres:{place.password}\n")
        self._passwords.chmod(0o600)
        bin_folder = Path(sys.executable).parent
        self._said = {**otherwise, "db.example": "127.0.0.1", ".venv/bin/": f"{bin_folder}/"}
        self._said["deploy/database/"] = f"{ROOT}/deploy/database/"
        self._exported: list[str] = []
        self._environment = {
            "PATH": f"{shipped_programs()}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(place.port),
            "PGUSER": "postgres",
            "PGPASSFILE": str(self._passwords),
        }

    def knows(self, passwords: dict[str, str]) -> None:
        with self._passwords.open("a") as file:
            file.writelines(f"*:*:*:{role}:{word}\n" for role, word in passwords.items())

    def sets(self, **variables: str) -> None:
        """Have variables in the environment of all that is typed from now on."""
        self._environment |= variables

    def types(self, commands: str) -> str:
        """Run a block, with what was exported before; what it prints."""
        for old, new in self._said.items():
            commands = commands.replace(old, new)
        exported = "\n".join(self._exported)
        self._exported += re.findall(r"^export .*$", commands, re.MULTILINE)
        done = subprocess.run(
            ["sh", "-e", "-c", f"{exported}\n{commands}"],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
        return done.stdout
