"""Asks a process on this machine whether it is ready: `python -m deploy.image.ready PORT`.

For a container's health check. Exit code 1, and why, where it is not ready or does not answer.
"""

import sys
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

_SECONDS: Final = 4.0


def ask(port: int) -> tuple[bool, str]:
    """Whether the process on a health port is ready, and what it says of that."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=_SECONDS) as answer:
            return True, answer.read().decode()
    except HTTPError as refusal:
        with refusal:
            return False, refusal.read().decode()
    except (URLError, OSError) as error:
        return False, f"port {port} does not answer: {error}"


if __name__ == "__main__":
    is_ready, said = ask(int(sys.argv[1]))
    sys.stdout.write(f"{said}\n")
    sys.exit(not is_ready)
