"""One `up` for a data folder at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cityvitals.errors import SettingsError
from deploy.local.child import data_folder


@contextmanager
def claimed(data: Path) -> Iterator[None]:
    """Hold a data folder; the system lets go of it when the process ends, however it ends.

    Raises:
        SettingsError: another process holds it; names it.
    """
    path = data_folder(data / "run") / "claim"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise SettingsError(
                f"data folder {data} is in use by process {holder}: stop that one (Ctrl-C where it "
                "runs), or choose another folder with --data"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
