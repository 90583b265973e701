"""Who may do what: tokens, scopes, cities; what is written, and that it is noted."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest

from api.audit_route import AuditTrail
from api.schemas import Facts, Problem
from api.sent_facts import Stated
from api.targets_route import Targets
from cityvitals.domain.names import LogKind, shard_of
from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import Pool
from cityvitals.store.tokens import create_token, list_tokens, revoke_token
from tests import plain
from tests.api_city import CITY, make_city
from tests.api_server import running_api, with_pool

PATH = f"/v1/cities/{CITY}"
get, post = partial(plain.get, timeout=60), partial(plain.post, timeout=60)
"""The first facts that are stated wait until all rules are read."""
FACT = {
    "name": "population",
    "zone": "centro",
    "value": 1000,
    "unit": "{inhabitant}",
    "valid_from": "2026-01-01",
    "source": "register",
    "quality": "measured",
}


@dataclass(frozen=True)
class Here:
    """A database with two cities, an API that is open to read and one that is closed."""

    database: DatabaseSettings
    open: str
    closed: str

    def token(
        self, *scopes: str, cities: Sequence[str] | None = None, name: str = "office"
    ) -> dict[str, str]:
        async def make(pool: Pool) -> str:
            return await create_token(pool, name, scopes, cities, None)

        return {"Authorization": f"Bearer {with_pool(self.database, make)}"}


@contextmanager
def served(database: DatabaseSettings) -> Iterator[Here]:
    async def fill(pool: Pool) -> None:
        async with pool.acquire() as connection:
            await make_city(connection)
            await make_city(connection, "bare", "A city without anything", ())

    with_pool(database, fill)
    with (
        running_api(database, body_bytes=4096) as is_open,
        running_api(database, access="closed") as closed,
    ):
        yield Here(database, is_open, closed)


@pytest.fixture
def here(database: DatabaseSettings) -> Iterator[Here]:
    with served(database) as found:
        yield found


@pytest.fixture(scope="module")
def untouched(module_database: DatabaseSettings) -> Iterator[Here]:
    """For tests that leave it without facts and targets, as they found it."""
    with served(module_database) as found:
        yield found


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return Problem.model_validate(answer.json()).detail


def test_an_open_api_is_read_by_everybody_and_written_by_nobody(untouched: Here) -> None:
    assert get(f"{untouched.open}{PATH}").status_code == 200
    answer = post(f"{untouched.open}{PATH}/facts", json={"items": [FACT]})
    assert "token create" in problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert problem(get(f"{untouched.open}{PATH}/audit"), 401)


@pytest.mark.parametrize(
    "path", ["/v1/cities", PATH, f"{PATH}/indicators", f"/v1/stream?city={CITY}", "/metrics"]
)
def test_a_closed_api_is_read_with_a_token_alone(untouched: Here, path: str) -> None:
    assert problem(get(f"{untouched.closed}{path}"), 401)
    wrong = {"Authorization": "Bearer cv_made_up"}
    assert "not known" in problem(get(f"{untouched.closed}{path}", headers=wrong), 401)
    basic = {"Authorization": "Basic eDp5"}
    assert problem(get(f"{untouched.closed}{path}", headers=basic), 401)
    with plain.stream(
        "GET", f"{untouched.closed}{path}", headers=untouched.token("read"), timeout=60
    ) as answer:
        assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/", "/openapi.json"])
def test_health_and_page_are_for_everybody(untouched: Here, path: str) -> None:
    assert get(f"{untouched.closed}{path}").status_code == 200


def test_a_token_is_for_its_cities(untouched: Here) -> None:
    token = untouched.token("read", cities=["bare"])
    assert get(f"{untouched.closed}/v1/cities/bare", headers=token).status_code == 200
    assert CITY in problem(get(f"{untouched.closed}{PATH}", headers=token), 403)
    assert CITY in problem(
        get(f"{untouched.closed}/v1/stream", params={"city": CITY}, headers=token), 403
    )
    seen = get(f"{untouched.closed}/v1/cities", headers=token).json()["items"]
    assert [one["id"] for one in seen] == ["bare"]
    assert problem(get(f"{untouched.closed}/metrics", headers=token), 403)


@pytest.mark.parametrize(
    ("scopes", "reads", "states", "audits"),
    [(["read"], 200, 403, 403), (["facts"], 200, 200, 403), (["admin"], 200, 200, 200)],
)
def test_a_scope_allows_what_it_says(
    here: Here, scopes: list[str], reads: int, states: int, audits: int
) -> None:
    token = here.token(*scopes)
    base = f"{here.closed}{PATH}"
    assert get(base, headers=token).status_code == reads
    posted = post(f"{base}/facts", json={"items": [FACT]}, headers=token)
    assert posted.status_code == states
    assert get(f"{base}/audit", headers=token).status_code == audits


def test_a_revoked_token_is_not_taken(here: Here) -> None:
    token = here.token("read")

    async def revoke(pool: Pool) -> None:
        (row,) = await list_tokens(pool)
        assert token["Authorization"].split("_")[1] == row["id"]
        await revoke_token(pool, row["id"])

    with_pool(here.database, revoke)
    assert problem(get(f"{here.closed}{PATH}", headers=token), 401)


def test_a_token_past_its_time_is_not_taken(here: Here) -> None:
    token = here.token("read")

    async def age(pool: Pool) -> None:
        await pool.execute("update api_token set expires_at = now() - interval '1 s'")

    with_pool(here.database, age)
    assert problem(get(f"{here.closed}{PATH}", headers=token), 401)


def test_the_database_holds_no_token(here: Here) -> None:
    secret = here.token("admin")["Authorization"].split()[1]

    async def dump(pool: Pool) -> str:
        return str([dict(row) for row in await pool.fetch("select * from api_token")])

    shown = with_pool(here.database, dump)
    assert secret not in shown and secret.split("_", 2)[2] not in shown


def test_facts_are_stated_logged_and_noted(here: Here) -> None:
    token = here.token("facts", cities=[CITY], name="statistics office")
    body = {"items": [FACT, {**FACT, "zone": "", "value": 5000.5}]}
    answer = post(f"{here.open}{PATH}/facts", json=body, headers=token)
    assert answer.status_code == 200, answer.text
    Stated.model_validate(answer.json())
    assert (answer.json()["stated"], answer.json()["changes"]) == (2, 2)
    again = post(f"{here.open}{PATH}/facts", json=body, headers=token)
    assert again.json()["changes"] == 0
    found = get(f"{here.open}{PATH}/facts").json()
    Facts.model_validate(found)
    assert [(one["zone"], one["value"]) for one in found["items"]] == [
        (None, 5000.5),
        ("centro", 1000.0),
    ]
    # Midnight of the city's own clock.
    assert {one["valid_from"] for one in found["items"]} == {"2025-12-31T23:00:00Z"}

    async def logged(pool: Pool) -> int:
        count: int = await pool.fetchval(
            "select count(*) from commit_log where lane = 'admin' and shard = $1 and kind = $2",
            shard_of(CITY),
            int(LogKind.FACTS),
        )
        return count

    assert with_pool(here.database, logged) == 1
    trail = get(f"{here.open}{PATH}/audit", headers=here.token("admin")).json()
    AuditTrail.model_validate(trail)
    (noted,) = trail["items"]
    assert (noted["token_name"], noted["action"]) == ("statistics office", "state_facts")
    assert noted["body"] == body


def test_a_fact_is_withdrawn(here: Here) -> None:
    token = here.token("facts")
    url = f"{here.open}{PATH}/facts"
    post(url, json={"items": [FACT]}, headers=token)
    gone = {**FACT, "value": "withdrawn"}
    assert post(url, json={"items": [gone]}, headers=token).json()["changes"] == 1
    assert get(url).json()["items"] == []


BAD: dict[str, tuple[Any, str]] = {
    "no list": ({}, "items"),
    "not even an object": ([], "items"),
    "more keys": ({"items": [FACT], "more": 1}, "items"),
    "an empty list": ({"items": []}, "1 to"),
    "no object": ({"items": [1]}, "items[0]: expected an object"),
    "a zone that is none": ({"items": [{**FACT, "zone": "west"}]}, "zone"),
    "a unit that is none": ({"items": [{**FACT, "unit": "furlong"}]}, "unit"),
    "a unit that does not fit": ({"items": [{**FACT, "unit": "km"}]}, "does not fit population"),
    "an unknown key": ({"items": [{**FACT, "valu": 1}]}, "valu"),
    "a time without offset": (
        {"items": [{**FACT, "valid_from": "2026-01-01T00:00:00"}]},
        "valid_from",
    ),
    "no date": ({"items": [{**FACT, "valid_from": "soon"}]}, "valid_from"),
    "text for a number": ({"items": [{**FACT, "value": "many"}]}, "value"),
    "twice the same": ({"items": [FACT, {**FACT, "value": 1}]}, "items[0] already"),
    "NUL": ({"items": [{**FACT, "source": "a\0b"}]}, "NUL"),
    "a class that is none": ({"items": [{**FACT, "quality": "good"}]}, "quality"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_facts_are_named_and_none_is_stated(untouched: Here, case: str) -> None:
    body, named = BAD[case]
    answer = post(f"{untouched.open}{PATH}/facts", json=body, headers=untouched.token("facts"))
    assert named in problem(answer, 422)
    assert get(f"{untouched.open}{PATH}/facts").json()["items"] == []


def test_what_is_sent_is_json_and_not_too_much(here: Here) -> None:
    token, url = here.token("facts"), f"{here.open}{PATH}/facts"
    large = json.dumps({"items": [FACT] * 100}).encode()
    typed = {**token, "Content-Type": "application/json"}
    assert "4096" in problem(post(url, content=large, headers=typed), 413)
    assert problem(post(url, content=b"{", headers=typed), 400)
    assert problem(post(url, content=b"\xff", headers=typed), 400)
    csv = {**token, "Content-Type": "text/csv"}
    assert "text/csv" in problem(post(url, content=b"x", headers=csv), 415)
    unknown = f"{here.open}/v1/cities/atlantis/facts"
    assert problem(post(unknown, json={"items": [FACT]}, headers=token), 404)


def test_answers_carry_headers_of_security(untouched: Here) -> None:
    for answer in (get(f"{untouched.open}{PATH}"), get(f"{untouched.open}/v1/x")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    page = get(f"{untouched.open}/")
    assert page.headers["content-security-policy"].startswith("default-src 'self'")


def test_other_origins_are_let_in_where_they_are_named(database: DatabaseSettings) -> None:
    with_pool(database, _make)
    asked = {"Origin": "https://city.example"}
    with running_api(database) as base:
        found = get(f"{base}{PATH}", headers=asked).headers
        assert "access-control-allow-origin" not in found
    with running_api(database, cors_origins=["https://city.example"]) as base:
        found = get(f"{base}{PATH}", headers=asked).headers
        assert found["access-control-allow-origin"] == "https://city.example"
        other = get(f"{base}{PATH}", headers={"Origin": "https://x.example"}).headers
        assert "access-control-allow-origin" not in other


async def _make(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await make_city(connection)


AIM = {
    "point": "u4ssc.en.en.aq.1c.pm2_5",
    "value": 10,
    "start": 30,
    "unit": "ug/m3",
    "valid_from": "2026-01-01",
    "source": "Clean air plan",
}


def test_targets_are_stated_listed_noted_and_scored(here: Here) -> None:
    token, url = here.token("facts", name="planning"), f"{here.open}{PATH}/targets"
    answer = plain.post(url, json={"items": [AIM]}, headers=token)
    assert answer.status_code == 200, answer.text
    assert Stated.model_validate(answer.json()).changes == 1
    assert plain.post(url, json={"items": [AIM]}, headers=token).json()["changes"] == 0
    (found,) = Targets.model_validate(plain.get(url).json()).items
    assert (found.point, found.value, found.start) == (AIM["point"], 10, 30)
    assert (found.declared_by, found.source) == ("planning", "Clean air plan")
    assert plain.get(url, params={"point": "u4ssc.ec.i.ws.5c"}).json()["items"] == []
    assert "Clean air plan" in plain.get(url, params={"format": "csv"}).text
    audit = plain.get(f"{here.open}{PATH}/audit", headers=here.token("admin")).json()
    (noted,) = AuditTrail.model_validate(audit).items
    assert (noted.token_name, noted.action) == ("planning", "state_targets")
    scores = plain.get(f"{here.open}{PATH}/scores", params={"at": "2026-06-01T00:00:00Z"}).text
    assert "Clean air plan" in scores
    taken = {"point": AIM["point"], "value": "withdrawn", "valid_from": "2026-01-01"}
    assert plain.post(url, json={"items": [taken]}, headers=token).json()["changes"] == 1
    assert plain.get(url).json()["items"] == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"start": None}, r"items\[0\]: start: expected a start"),
        ({"unit": "m"}, r"items\[0\]: unit: 'm' does not fit"),
        ({"point": "u4ssc.nothing"}, r"items\[0\]: point: expected a data point such as"),
        ({"valid_from": "soon"}, r"items\[0\]: valid_from"),
        ({"vlaue": 3}, r"items\[0\]: vlaue: unknown key"),
    ],
)
def test_bad_targets_are_named_and_none_is_stated(
    untouched: Here, changed: dict[str, Any], said: str
) -> None:
    url = f"{untouched.open}{PATH}/targets"
    body = {"items": [AIM | changed]}
    answer = plain.post(url, json=body, headers=untouched.token("facts"))
    assert re.search(said, problem(answer, 422)), answer.text
    assert plain.get(url).json()["items"] == []
