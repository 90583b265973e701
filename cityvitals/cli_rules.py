"""`cityvitals rules`: what rules there are, whether they are in order, and what they come to."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cityvitals.domain.times import from_us
from cityvitals.errors import NotFound

if TYPE_CHECKING:
    from cityvitals.trial.main import Tried
    from kpi_rules.model import Rule

app = typer.Typer(no_args_is_help=True, help="What is computed: rules as data.")

_WRONG: Final = 1
_FOLDER: Final = typer.Option("--rules", help="A folder of more rules.  [default: the setting]")
_Folder = Annotated[Path | None, _FOLDER]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _folder(chosen: Path | None) -> Path | None:
    from cityvitals.settings import load_settings  # noqa: PLC0415 (lazy, as in `cli`)

    return chosen or load_settings().aggregator.rules


@app.command("list")
def list_rules(
    domain: Annotated[str | None, typer.Option(help="Only of this domain.")] = None,
    rules: _Folder = None,
    as_json: _AsJson = False,  # noqa: FBT002 (a flag)
) -> None:
    """List the rules, and which of them are not run yet."""
    from kpi_rules.built import unbuilt  # noqa: PLC0415
    from kpi_rules.load import load_all  # noqa: PLC0415

    found = [one for one in load_all(_folder(rules)).rules if domain in {None, str(one.domain)}]
    if as_json:
        typer.echo(json.dumps([one.body() | {"not_run": unbuilt(one)} for one in found]))
        return
    for one in found:
        typer.echo(f"{one.id}  r{one.revision}  {one.unit}  {one.title}{_not_run(unbuilt(one))}")


def _not_run(reason: str) -> str:
    return f"  (not run: {reason})" if reason else ""


@app.command()
def show(
    rule: Annotated[str, typer.Argument(help="Its id.")],
    rules: _Folder = None,
    as_json: _AsJson = False,  # noqa: FBT002
) -> None:
    """Show a rule: what it says, in which units, and where it comes from."""
    found = _find(rule, _folder(rules))
    typer.echo(json.dumps(found.body(), indent=2) if as_json else "\n".join(_told(found)))


def _find(rule: str, folder: Path | None) -> "Rule":
    from kpi_rules.load import load_all  # noqa: PLC0415

    loaded = load_all(folder)
    for one in loaded.rules:
        if one.id == rule:
            return one
    wrong = next((each.message for each in loaded.problems if rule in each.ids), "")
    raise NotFound(wrong or f"there is no rule {rule!r}: `cityvitals rules list` has all")


def _told(rule: "Rule") -> Iterator[str]:
    from kpi_rules.built import unbuilt  # noqa: PLC0415
    from kpi_rules.catalogue import described  # noqa: PLC0415

    yield f"{rule.id}, revision {rule.revision}: {rule.title}"
    yield f"  value      {rule.expression}  [{rule.unit}]"
    for part in rule.parts:
        yield f"  part       {part.name} = {part.expression}"
    for one in rule.inputs:
        yield f"  input      {one.name}: {described(one)}"
    for fact in rule.facts:
        yield f"  fact       {fact.name} [{fact.unit}]"
    for constant in rule.constants:
        yield f"  constant   {constant.name} = {constant.value:g} {constant.unit}"
    yield f"  window     {rule.window.length}, {rule.window.clock} clock"
    yield f"  space      zone {rule.space.zone}, city {rule.space.city}, {rule.space.order}"
    if rule.standard is not None:
        one_of = rule.standard
        yield f"  standard   {one_of.body}, {one_of.document}, {one_of.clause}, {one_of.edition}"
    yield f"  verified   {rule.verified}"
    yield f"  source     {' '.join(rule.source.split())}"
    if reason := unbuilt(rule):
        yield f"  not run    {reason}"


@app.command()
def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Rule files.  [default: all rules]")
    ] = None,
    rules: _Folder = None,
) -> None:
    """Check rule files: file, line, rule and key of what is wrong; ends with 1 if anything is.

    Files in a folder called alerts are of alert rules.
    """
    count, problems = _checked(files, rules)
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(_WRONG)
    typer.echo(f"{count} rules are in order")


def _checked(files: list[Path] | None, rules: Path | None) -> tuple[int, list[str]]:
    from kpi_rules.alerts.load import FOLDER, load_alerts, read_alerts  # noqa: PLC0415
    from kpi_rules.load import load_all, read_file  # noqa: PLC0415

    loaded = load_all(_folder(rules))
    if not files:
        alerts = load_alerts(_folder(rules), loaded.rules)
        wrong = [*loaded.problems, *alerts.problems]
        return len(loaded.rules) + len(alerts.alerts), [each.message for each in wrong]
    units = {one.id: one.unit for one in loaded.rules}
    count, problems = 0, []
    for path in files:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{path}: cannot be read: {error}")
            continue
        if path.parent.name == FOLDER:
            alert_file = read_alerts(text, str(path), units)
            count += len(alert_file.alerts)
            problems += [each.message for each in alert_file.problems]
            continue
        found = read_file(text, str(path))
        count += len(found.rules)
        problems += [each.message for each in found.problems]
    return count, problems


@app.command()
def catalogue(
    output: Annotated[Path | None, typer.Option(help="Write the page here.")] = None,
) -> None:
    """Print the page of all shipped rules, in Markdown."""
    from kpi_rules.alerts.load import load_alerts  # noqa: PLC0415
    from kpi_rules.catalogue import catalogue as page  # noqa: PLC0415
    from kpi_rules.load import load_rules  # noqa: PLC0415
    from kpi_rules.scorecard.load import load_scorecard  # noqa: PLC0415

    rules = load_rules()
    text = page(rules, load_scorecard(), load_alerts(None, rules).alerts)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")


@app.command("try")
def try_(
    rule: Annotated[str, typer.Argument(help="Its id.")],
    csv: Annotated[Path, typer.Option(help="Columns: time, and one for each input.")],
    fact: Annotated[list[str] | None, typer.Option(help="name=number, in the rule's unit.")] = None,
    time_zone: Annotated[str, typer.Option(help="Of the city.")] = "UTC",
    rules: _Folder = None,
    as_json: _AsJson = False,  # noqa: FBT002
) -> None:
    """Evaluate a rule on a file of one station's readings, without a server.

    Values are in the quantity's unit (`rules show`), amounts of gases in the input's.
    """
    from cityvitals.trial.main import Options, try_rule  # noqa: PLC0415

    found = _find(rule, _folder(rules))
    options = Options(_known_zone(time_zone), _facts(fact or []))
    for one in try_rule(found, csv, options):
        shown = _shown(found, one)
        typer.echo(json.dumps(shown) if as_json else _line(found, shown))


def _known_zone(name: str) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415

    try:
        return str(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise typer.BadParameter(f"{name!r} is no time zone", param_hint="--time-zone") from None


def _facts(given: list[str]) -> dict[str, float]:
    found = {}
    for each in given:
        name, _, value = each.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            hint = "--fact"
            raise typer.BadParameter(
                f"expected name=number, got {each!r}", param_hint=hint
            ) from None
    return found


def _shown(rule: "Rule", one: "Tried") -> dict[str, Any]:
    from kpi_rules.present import find_band  # noqa: PLC0415

    value = None if one.reason else one.outcome.value
    return {
        "window_begin": from_us(one.begin).isoformat().replace("+00:00", "Z"),
        "window_end": from_us(one.end).isoformat().replace("+00:00", "Z"),
        "value": value,
        "unit": rule.unit,
        "band": find_band(rule.body()["bands"], value),
        "dominant": one.outcome.dominant or None,
        "unrounded": None if one.reason else one.outcome.unrounded,
        "reason": one.reason,
    }


def _line(rule: "Rule", shown: dict[str, Any]) -> str:
    if shown["reason"]:
        return f"{shown['window_begin']}  insufficient: {shown['reason']}"
    more = [each for each in (shown["band"], shown["dominant"]) if each]
    tail = f"  {', '.join(more)}" if more else ""
    unit = "" if rule.unit == "1" else f" {rule.unit}"
    return f"{shown['window_begin']}  {shown['value']:.{rule.digits}f}{unit}{tail}"
