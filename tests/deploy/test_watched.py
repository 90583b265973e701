"""What Prometheus and Grafana ask is answered by a real run: every expression, every query."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest
import yaml

from cityvitals.settings import BrokerSettings
from cityvitals.store.server import drop_database
from tests import plain, state
from tests.acceptance.gateway import Gateway
from tests.deploy.prometheus import prometheus
from tests.roles import AGGREGATOR, OWNER, READER, WRITER, as_role, set_up
from tests.servers import Background, BrokerServer, PostgresServer
from tests.service import Service, wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"
BOARDS = [json.loads(file.read_text()) for file in sorted(DEPLOY.glob("grafana/dashboards/*.json"))]
RULES = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
CITY, RULE = "watched", "air.no2.hour"
METRICS, DATABASE = "cityvitals-metrics", "cityvitals-database"

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(
        which("prometheus") is None, reason="no prometheus here: apt-get install prometheus"
    ),
]


def targets(source: str) -> list[Any]:
    """What panels ask of a datasource, with the panel's name."""
    return [
        pytest.param(target, id=f"{panel['title']} {target['refId']}")
        for board in BOARDS
        for panel in board["panels"]
        for target in panel.get("targets", ())
        if target["datasource"]["uid"] == source
    ]


@dataclass
class Watched:
    """A service at work, its Prometheus, and its database as Grafana may see it."""

    prometheus: httpx.Client
    reader: str

    def ask(self, expression: str) -> list[float]:
        """The values of an expression now."""
        query = {"query": expression.replace("$__rate_interval", "10m")}
        answer = self.prometheus.get("/api/v1/query", params=query).json()
        assert answer["status"] == "success", answer
        return [float(series["value"][1]) for series in answer["data"]["result"]]

    def until_answered(self, expression: str) -> list[float]:
        """The same, once there is a number."""

        def finite() -> list[float]:
            return [one for one in self.ask(expression) if math.isfinite(one)]

        return wait_for(expression, finite, deadline=60, every=0.3)

    def until(self, expression: str, count: int) -> None:
        """Wait for so many series."""
        wait_for(expression, lambda: len(self.ask(expression)) == count, every=0.3)

    def query(self, text: str) -> list[dict[str, Any]]:
        """Rows of a query, with Grafana's variables and macros put in."""
        text = re.sub(
            r"\$__timeFilter\((\w+)\)", r"\1 between now() - interval '2 d' and now()", text
        )
        for name, value in (("city", CITY), ("rule", RULE), ("zone", "-")):
            text = text.replace(f"${name}", value)
        assert "$" not in text
        return [dict(row) for row in state.fetch(self.reader, text)]


def work(broker: BrokerServer, service: Service) -> None:
    """Two hours of a station, a bad reading, some who read, and one who watches."""
    now = datetime.now(UTC).replace(microsecond=0)
    with Gateway(broker.port, CITY) as gateway:
        gateway.city()
        gateway.meta("s1", zone="centre", series=[{"q": "no2", "kind": "gauge", "reporting_s": 60}])
        for back in range(120, 0, -1):
            at = (now - timedelta(minutes=back)).isoformat()
            gateway.obs("s1", {"t": at, "q": "no2", "v": 20.0 + back % 7, "u": "ug/m3"})
        gateway.obs("s1", {"t": now.isoformat(), "q": "no2", "v": 1.0, "u": "furlong"})
    dsn = service.environment["CITYVITALS_DATABASE__DSN"]
    some = "select exists (select from indicator_latest where city = $1 and value is not null)"
    kept = some.replace("indicator_latest", "indicator")
    wait_for("an indicator", lambda: state.value(dsn, some, CITY) and state.value(dsn, kept, CITY))
    with plain.stream("GET", f"{service.api}/v1/stream?city={CITY}", timeout=60) as stream:
        next(stream.iter_lines())


@pytest.fixture(scope="module")
def broker(background: Background, mosquitto: BrokerServer) -> Iterator[BrokerServer]:
    """One of its own: what is said here would reach every ingest of the session's."""
    del mosquitto  # where there is none, this is skipped, too
    server = BrokerServer(background)
    server.start()
    yield server
    server.discard()


@pytest.fixture(scope="module")
def watched(
    postgres: PostgresServer, broker: BrokerServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    set_up(postgres, "watched")
    folder = tmp_path_factory.mktemp("watched")
    (folder / "rules").mkdir()
    (folder / "rules/wrong.toml").write_text("not a rule file")
    where = BrokerSettings(port=broker.port)
    rules = {"RULES": str(folder / "rules"), "ONLY": json.dumps([RULE])}
    settings = {f"AGGREGATOR__{name}": value for name, value in rules.items()}
    service = Service(folder, as_role(postgres, "watched", READER), where, **settings)
    owner = as_role(postgres, "watched", OWNER).dsn.get_secret_value()
    assert service.run_as(owner, "migrate").returncode == 0
    for process, role in (("ingest", WRITER), ("aggregate", AGGREGATOR)):
        dsn = as_role(postgres, "watched", role).dsn.get_secret_value()
        service.override(process, DATABASE__DSN=dsn)
    try:
        service.start()
        with prometheus(service, folder) as address, httpx.Client(base_url=address) as client:
            found = Watched(client, service.environment["CITYVITALS_DATABASE__DSN"])
            found.until("up == 1", 3)
            service.get("/v1/cities")
            found.until("cityvitals_api_request_seconds_count", 1)
            work(broker, service)
            service.get("/v1/cities")
            yield found
    finally:
        service.stop()
        postgres.call(drop_database(postgres.admin_dsn(), "watched"))


@pytest.mark.parametrize("target", targets(METRICS))
def test_each_expression_of_a_dashboard_has_an_answer(watched: Watched, target: Any) -> None:
    assert watched.until_answered(target["expr"])


@pytest.mark.parametrize("target", targets(DATABASE))
def test_each_query_of_a_dashboard_has_an_answer(watched: Watched, target: Any) -> None:
    rows = watched.query(target["rawSql"])
    assert any(value is not None for row in rows for value in row.values()), rows
    if target["format"] == "time_series":
        assert "time" in rows[0]
        assert any(value is not None for row in rows for value in list(row.values())[1:])


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["title"])
def test_each_variable_of_a_dashboard_has_something_to_choose(
    watched: Watched, board: dict[str, Any]
) -> None:
    for variable in board["templating"]["list"]:
        assert watched.query(variable["query"]), variable["name"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_what_an_alert_looks_at_is_there(watched: Watched, rule: dict[str, Any]) -> None:
    looked_at, compared, _ = re.split(r"\s(==|<|>)\s", rule["expr"])
    assert compared
    # A healthy run answers nothing with 5xx; those who are sent away are counted from nought.
    # Steps of a subquery lie on whole minutes, of which the run has few.
    looked_at = looked_at.replace('"5.."', '"..."').replace(":5m]", ":1s]")
    assert watched.until_answered(looked_at)


def test_the_rule_file_with_something_wrong_in_it_is_told_of(watched: Watched) -> None:
    assert watched.until_answered('cityvitals_warnings{process="aggregate", part="rules"} > 0')
    (pending,) = (rule for rule in RULES if rule["alert"] == "CityVitalsWarned")
    assert watched.ask(pending["expr"])
