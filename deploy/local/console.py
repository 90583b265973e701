"""What `up` tells: lines, and on a terminal one status line below them that stays in place."""

import shutil
import sys
from typing import Final, TextIO

_CLEAR: Final = "\r\x1b[2K"


class Console:
    """Where `up` writes.

    Args:
        stream: a terminal gets the status line each second, anything else as a log line at times.
    """

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self.is_live = stream.isatty()
        self._status = ""

    def say(self, line: str) -> None:
        """Write a line for good."""
        self._write(f"{_CLEAR}{line}\n{self._status}" if self.is_live else f"{line}\n")

    def show(self, status: str) -> None:
        """Replace the status line (terminal), or write it (anything else)."""
        if not self.is_live:
            self.say(status)
            return
        self._status = status[: shutil.get_terminal_size().columns - 1]
        self._write(f"{_CLEAR}{self._status}")

    def close(self) -> None:
        """Leave the status line behind."""
        if self.is_live and self._status:
            self._status = ""
            self._write("\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
