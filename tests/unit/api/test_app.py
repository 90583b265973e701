"""What can be said of the app without a database."""

from typing import Any

import pytest
from pydantic import BaseModel

from api.app import create_app
from api.schemas import Problem
from cityvitals.settings import Settings

APP = create_app(Settings())
MODELS: dict[str, type[BaseModel]] = {
    "Problem": Problem,
    **{endpoint.model.__name__: endpoint.model for endpoint in APP.state.endpoints},
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return APP.openapi()


def answers(document: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    return [
        (path, status, kind, content)
        for path, item in document["paths"].items()
        for operation in item.values()
        for status, answer in operation["responses"].items()
        for kind, content in answer.get("content", {}).items()
    ]


def test_every_route_of_the_contract_is_documented(document: dict[str, Any]) -> None:
    city = "/v1/cities/{city}"
    assert set(document["paths"]) == {
        "/v1/cities",
        city,
        f"{city}/zones",
        f"{city}/sensors",
        f"{city}/series",
        f"{city}/series/{{sensor}}/{{quantity}}/readings",
        f"{city}/series/{{sensor}}/{{quantity}}/rollups",
        f"{city}/indicators/{{rule}}/revisions",
        f"{city}/dead-letters",
        f"{city}/audit",
        "/v1/rules",
        "/v1/rules/{rule}",
        f"{city}/facts",
        f"{city}/ledger",
        f"{city}/indicators",
        f"{city}/scores",
        f"{city}/readings",
        f"{city}/rollups",
        f"{city}/targets",
        f"{city}/alerts",
        f"{city}/alerts/{{alert}}",
        f"{city}/alerts/{{alert}}/acknowledge",
        f"{city}/indicators/{{rule}}/history",
        f"{city}/indicators/{{rule}}/explain",
        f"{city}/series/{{sensor}}/{{quantity}}/history",
        "/v1/stream",
    }


def test_every_answer_has_an_example_that_its_model_takes(document: dict[str, Any]) -> None:
    checked = 0
    for path, status, kind, content in answers(document):
        if kind == "text/event-stream":
            assert content["example"]
        if kind not in {"application/json", "application/problem+json"}:
            continue
        name = content["schema"]["$ref"].rpartition("/")[2]
        MODELS[name].model_validate(content["example"])
        assert name in document["components"]["schemas"], (path, status)
        checked += 1
    assert checked > 15


def test_problems_are_documented_with_their_media_type_alone(document: dict[str, Any]) -> None:
    for path, status, kind, _ in answers(document):
        if int(status) >= 400:
            assert kind == "application/problem+json", (path, status)


def test_path_parameters_are_documented(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        (one, *_) = item.values()
        named = {p["name"] for p in one.get("parameters", []) if p["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_documentation_pages_that_load_from_a_cdn_are_off() -> None:
    paths = {getattr(route, "path", "") for route in APP.routes}
    assert "/openapi.json" in paths
    assert not paths & {"/docs", "/redoc"}
