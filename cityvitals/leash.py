"""Starts a program that does not outlive whoever started it.

`leash.py PARENT SIGNAL USER -- PROGRAM…` is run as a file by a bare interpreter, so it knows the
standard library alone. It becomes USER (empty: stays who it is), asks the kernel (Linux) to send
SIGNAL when the process PARENT dies, and turns into PROGRAM, which so keeps the id that the
supervisor knows. Where there is no such kernel call, the next start ends what was left behind.
"""

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(HOME=entry.pw_dir, USER=user, LOGNAME=user)


def _die_with(parent: int, number: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    # After setuid, which would clear it; before the check, since the parent may be gone by now.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Become the program."""
    parent, number, user, _, *program = arguments
    if user:
        _become(user)
    _die_with(int(parent), int(number))
    os.execvp(program[0], program)  # noqa: S606 (the supervisor names the program, no shell)


if __name__ == "__main__":
    main(sys.argv[1:])
