"""`make bench`: measure, print a table, write build/bench.json, name what became slower.

make bench                            every figure, about nine minutes
make bench ONLY="ingest write_ratio"  figures whose names begin so
make bench ARGS=--quick               short runs: does it work, and about how fast
make bench ARGS=--full                a minute sustained, 5,000 probes
make bench ARGS=--profile             where ingest and aggregate spend their time
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Any

from cityvitals.errors import CityVitalsError
from tests.benchmarks import (
    at_rest,
    cycle,
    end_to_end,
    fold,
    generate,
    history,
    machine,
    recompute,
    served,
    warm,
    write,
)
from tests.benchmarks.result import TARGETS, Results, say, table
from tests.benchmarks.stack import ROOT, Invalid, Stack, running

_SERVED = {
    "ingest_readings_per_s",
    "ingest_messages_per_s",
    "paho_ratio",
    "latency_p50_ms",
    "latency_p99_ms",
    *served.FIGURES,
}
_GENERATED = "load_readings_per_s"
_IN_MEMORY = {"rules_cycle_ms", "state_bytes_per_series", "aggregator_start_s"}
_ALONE = {"bytes_per_reading", "warm_start_s"}
_FOLDED = {name for name in TARGETS if name.startswith("fold_")}


def main() -> None:
    """Run what is asked for."""
    options = _options()
    wanted = {name for name in TARGETS if not options.names or name.startswith(options.names)}
    results, begun = Results(), machine.describe()
    try:
        asyncio.run(_measure(options, wanted, results))
    except (asyncio.CancelledError, KeyboardInterrupt):
        results.invalid["run"] = "stopped before its end"
    except (CityVitalsError, Invalid, OSError) as error:
        results.invalid["run"] = f"{type(error).__name__}: {error}"
    worse = _write(results, begun, options)
    sys.stdout.write("\n" + "\n".join([*table(results), *worse]) + "\n")
    if "run" in results.invalid:
        raise SystemExit(1)


def _options() -> Any:
    parser = argparse.ArgumentParser("make bench", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="figures, or how their names begin")
    parser.add_argument("--quick", action="store_true", help="short runs")
    parser.add_argument("--full", action="store_true", help="long runs")
    parser.add_argument("--profile", action="store_true", help="profile ingest and aggregate")
    options = parser.parse_args()
    options.names = tuple(options.names or os.environ.get("ONLY", "").split())
    if options.names and not any(name.startswith(options.names) for name in TARGETS):
        parser.error(f"no such figure; there are {', '.join(TARGETS)}")
    return options


async def _measure(options: Any, wanted: set[str], results: Results) -> None:
    """Everything wanted, one after the other; an end that is asked for still clears up."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    quick = options.quick
    if wanted & _FOLDED:
        say("fold")
        fold.measure(results, 3 if quick else 5, wanted)
    if _GENERATED in wanted:
        say("load generator")
        with results.counting(_GENERATED):
            generate.measure(results, 3 if quick else 7)
    await asyncio.to_thread(_in_memory, results, wanted, 3 if quick else 7)
    await _alone(results, wanted, 1 if quick else 2)
    if wanted - _FOLDED - _ALONE - {_GENERATED, "state_bytes_per_series", "aggregator_start_s"}:
        say("starting mosquitto and PostgreSQL")
        async with running(profiled=options.profile) as stack:
            await _with_servers(stack, options, wanted, results)


async def _alone(results: Results, wanted: set[str], repeats: int) -> None:
    """What has servers of its own."""
    if "bytes_per_reading" in wanted:
        say("readings at rest")
        with results.counting("bytes_per_reading"):
            await at_rest.measure(results)
    if "warm_start_s" in wanted:
        say("warm start")
        with results.counting("warm_start_s"):
            await asyncio.to_thread(warm.measure, results, repeats)


def _in_memory(results: Results, wanted: set[str], repeats: int) -> None:
    if wanted & _IN_MEMORY:
        say("aggregator in memory")
    if "aggregator_start_s" in wanted:
        cycle.measure_start(results, repeats)
    if "state_bytes_per_series" in wanted:
        cycle.measure_memory(results)


async def _with_servers(stack: Stack, options: Any, wanted: set[str], results: Results) -> None:
    if "write_ratio" in wanted:
        say("writer")
        with results.counting("write_ratio"):
            await write.measure(stack, results, 10 if options.quick else 40)
    if "write_twice_ratio" in wanted:
        with results.counting("write_twice_ratio"):
            await write.measure_twice(stack, results, 10 if options.quick else 30)
    if "rules_cycle_ms" in wanted:
        await cycle.measure(stack, results, 3 if options.quick else 7)
    if "recompute_readings_per_s" in wanted:
        say("recomputing")
        with results.counting("recompute_readings_per_s"):
            await recompute.measure(stack, results)
    if wanted & _SERVED:
        say("service")
        await end_to_end.measure(stack, results, _length(options), wanted)
    if options.profile:
        for name in ("ingest", "aggregate"):
            log = stack.folder / "log" / f"{name}.log"
            sys.stdout.write(f"\n{name}\n{log.read_text(encoding='utf-8')}\n")


def _length(options: Any) -> end_to_end.Length:
    if options.quick:
        return end_to_end.QUICK
    return end_to_end.FULL if options.full else end_to_end.DEFAULT


def _write(results: Results, begun: dict[str, object], options: Any) -> list[str]:
    """build/bench.json, and a line more of build/bench-history.jsonl; what became slower."""
    length = "quick" if options.quick else "full" if options.full else "default"
    found = {
        "figures": {name: results.figures.get(name) for name in TARGETS},
        "verdicts": {name: results.verdict(name) for name in TARGETS},
        "ceilings": results.ceilings,
        "spread": results.spread,
        "invalid": results.invalid,
        "absent": results.absent,
        "cpu": results.cpu,
        "length": length,
        "profiled": options.profile,
        "machine": begun,
        "versions": machine.versions(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    path = folder / "bench-history.jsonl"
    worse = history.regressions(history.read(path), found)
    (folder / "bench.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(found) + "\n")
    return [f"slower: {one}" for one in worse]


if __name__ == "__main__":
    main()
