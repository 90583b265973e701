"""`cityvitals recompute`: stored history compared with what it should be, and done anew."""

import os
from typing import Annotated

import typer

from cityvitals.cli_rules_diff import moment
from cityvitals.domain.times import EARLIEST_US, LATEST_US
from cityvitals.settings import load_settings


def recompute(  # noqa: PLR0913, PLR0917 (one argument for each option)
    city: Annotated[str | None, typer.Option(help="Only this city.")] = None,
    rule: Annotated[
        list[str] | None, typer.Option(help="Only rules of this id, with * and ?. Repeatable.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", help="Only what begins then or later: a date or RFC 3339."),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only what begins before.")] = None,
    buckets: Annotated[  # noqa: FBT002 (a flag)
        bool, typer.Option("--buckets", help="Fold quarter hours anew from readings, too.")
    ] = False,
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="Pieces at a time.  [default: all cores]")
    ] = None,
    anew: Annotated[  # noqa: FBT002
        bool, typer.Option("--anew", help="Begin anew, not where an earlier run was left.")
    ] = False,
    wait: Annotated[  # noqa: FBT002
        bool, typer.Option(help="Wait until the aggregator has done what was wrong.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,  # noqa: FBT002
) -> None:
    """Compare history with what it should be, month by month, and have done anew what differs.

    The aggregator that owns a city does it, beside its live work, so it must be running. Ctrl-C
    cancels; the same command goes on where it was left.
    """
    from aggregator.recompute.found import Asked  # noqa: PLC0415 (lazy, as in `cli`)
    from aggregator.recompute.main import Options, run  # noqa: PLC0415

    asked = Asked(
        city,
        tuple(rule or ()),
        EARLIEST_US if since is None else moment(since, "--from"),
        LATEST_US if until is None else moment(until, "--to"),
        buckets,
    )
    options = Options(processes or os.cpu_count() or 1, anew, wait, as_json)
    if code := run(load_settings(), asked, options):
        raise typer.Exit(code)
