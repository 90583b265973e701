"""`python -m deploy.local.clean DATA`: remove a data folder, wherever its database lives."""

import shutil
import sys
from pathlib import Path

from cityvitals.errors import CityVitalsError, SettingsError
from cityvitals.service import told
from deploy.local.child import end_leftovers
from deploy.local.claim import claimed
from deploy.local.lodging import remove_lodging


def clean(data: Path) -> None:
    """Remove a data folder and what lives elsewhere because of it.

    Raises:
        SettingsError: it is in use, or it is no data folder of ours.
    """
    if not data.exists():
        return
    if not (data / "run").is_dir():
        raise SettingsError(f"{data} does not look like a data folder of cityvitals: left alone")
    with claimed(data):
        end_leftovers(data)
        remove_lodging(data)
        shutil.rmtree(data)


def main() -> int:
    """Run as a command; returns the exit code."""
    try:
        clean(Path(sys.argv[1] if len(sys.argv) > 1 else "var"))
    except CityVitalsError as error:
        return told(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
