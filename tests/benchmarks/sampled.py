"""One of the processes with a sampling profiler in it: where its CPU time goes, at little cost.

Every few milliseconds of CPU time each thread's stack is noted; at its end the process writes to
stderr which functions were found innermost, and which anywhere on the stack.
"""

import signal
import sys
from collections import Counter
from types import CodeType, FrameType

from cityvitals.cli import main as command_line

_EVERY_S = 0.004
_SHOWN = 40
_IDLE = frozenset({"select", "wait", "_worker", "_bootstrap_inner", "_write_to_self"})
"""Innermost where a thread waits, for work or for the interpreter's lock."""


class Sampler:
    """Counts what is found on the stacks."""

    def __init__(self) -> None:
        self._innermost: Counter[str] = Counter()
        self._anywhere: Counter[str] = Counter()
        self._taken = 0

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self.sample)
        signal.signal(signal.SIGUSR2, self.forget)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)

    def sample(self, _number: int, frame: FrameType | None) -> None:
        """Look at every thread; this one's top is the handler itself, so the interrupted frame."""
        for top in sys._current_frames().values():  # noqa: SLF001 (no other way to see them)
            at = frame if top.f_code is Sampler.sample.__code__ else top
            if at is not None and at.f_code.co_name not in _IDLE:
                self._take(at)

    def forget(self, _number: int, _frame: FrameType | None) -> None:
        """What was before is of no interest."""
        self._innermost.clear()
        self._anywhere.clear()
        self._taken = 0

    def _take(self, top: FrameType) -> None:
        self._taken += 1
        self._innermost[f"{_name(top.f_code)}:{top.f_lineno}"] += 1
        seen = set()
        frame: FrameType | None = top
        while frame is not None:
            seen.add(_name(frame.f_code))
            frame = frame.f_back
        self._anywhere.update(seen)

    def report(self) -> None:
        for title, found in (("innermost", self._innermost), ("anywhere", self._anywhere)):
            sys.stderr.write(f"--- {title}, of {self._taken} samples\n")
            for where, count in found.most_common(_SHOWN):
                sys.stderr.write(f"{100 * count / max(self._taken, 1):6.1f} %  {where}\n")


def _name(code: CodeType) -> str:
    file = code.co_filename
    for mark in ("/site-packages/", "/main/", "/lib/"):
        file = file.rpartition(mark)[2]
    return f"{file}:{code.co_qualname}"


def main() -> None:
    """Run the command line with a sampler in it."""
    sampler = Sampler()
    sampler.start()
    try:
        command_line()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        sampler.report()


if __name__ == "__main__":
    main()
