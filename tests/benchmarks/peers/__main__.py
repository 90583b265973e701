"""`make bench-peers`: others storing and folding the same readings, beside us.

make bench-peers                     everything, about a quarter of an hour
make bench-peers ARGS=--quick        one round of each: does it work
make bench-peers ARGS="speed"        one part: speed, faults or folding

Prints tables, writes build/peers.json, and with `--draw` docs/peers.svg.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from cityvitals.errors import CityVitalsError
from tests.benchmarks import machine
from tests.benchmarks.peers import folding
from tests.benchmarks.peers.chart import drawn
from tests.benchmarks.peers.contenders import (
    install_node_red,
    missing_node_red,
    node_red_versions,
)
from tests.benchmarks.peers.found import Found, table
from tests.benchmarks.peers.storing import Storing
from tests.benchmarks.result import say
from tests.benchmarks.stack import ROOT, Invalid, running

_PARTS: Final = ("speed", "faults", "folding")
_CHART: Final = ROOT / "docs" / "peers.svg"


def main() -> None:
    """Run what is asked for, tell, write down."""
    options, found = _options(), Found()
    begun = machine.describe()
    try:
        asyncio.run(_measure(options, found))
    except (CityVitalsError, Invalid, OSError) as error:
        found.invalid["run"] = f"{type(error).__name__}: {error}"
    _write(found, begun)
    sys.stdout.write("\n" + "\n".join(table(found)) + "\n")
    if options.draw:
        _CHART.write_text(drawn(found), "utf-8")
    if "run" in found.invalid:
        raise SystemExit(1)


def _options() -> Any:
    parser = argparse.ArgumentParser("make bench-peers", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(_PARTS)}; all, if absent")
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    parser.add_argument("--draw", action="store_true", help="draw docs/peers.svg")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(_PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(_PARTS)}")
    options.parts = options.parts or list(_PARTS)
    return options


async def _measure(options: Any, found: Found) -> None:
    if "folding" in options.parts:
        say("folding")
        await folding.measure(found, 1 if options.quick else 5)
    if not {"speed", "faults"} & set(options.parts):
        return
    if why := missing_node_red():
        found.invalid["nodered"] = why
    else:
        install_node_red()
    say("starting mosquitto and PostgreSQL")
    async with running(profiled=False) as stack:
        storing = Storing(stack, found)
        await storing.prepare()
        if "speed" in options.parts:
            say("speed")
            await storing.measure_speed(*((1, 4.0) if options.quick else (3, 6.0)))
        if "faults" in options.parts:
            say("faults")
            await storing.measure_faults(1 if options.quick else 2)


def _write(found: Found, begun: dict[str, object]) -> None:
    """build/peers.json."""
    written = {
        **found.as_json(),
        "machine": begun,
        "versions": machine.versions() | node_red_versions() | {"pandas": version("pandas")},
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "peers.json").write_text(json.dumps(written, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"npm could not install Node-RED: {error}")
