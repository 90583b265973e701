"""Rules: the definitions that indicators are made by, with every revision."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from api.asking import take_query
from api.database import Database
from api.endpoint import Endpoint
from api.listing import CURSOR, Listing, answer_list, format_parameter, limit_parameter, take_page
from api.parameters import (
    Parameter,
    make_key_cursor,
    parse_domain,
    parse_text,
    read_key_cursor,
)
from api.schema_rules import RULE_REVISIONS_EXAMPLE, RULES_EXAMPLE, RuleRevisions, Rules
from cityvitals.domain.names import Domain, is_identifier
from cityvitals.domain.times import iso, to_us
from cityvitals.errors import NotFound
from cityvitals.store.listing import list_rule_revisions, list_rules
from cityvitals.store.views import Row

MOST: Final = 1_000
_QUESTION: Final = "rules"
PARAMETERS: Final = (
    Parameter(
        "domain", parse_domain, "Only of this domain.", {"type": "string", "enum": list(Domain)}
    ),
    Parameter("standard", parse_text, "Only by this body of standards.", example="WHO"),
    limit_parameter(MOST),
    CURSOR,
    format_parameter("csv"),
)


class RulesRoute:
    """Handlers of the routes.

    Args:
        database: where to read.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def endpoints(self) -> list[Endpoint]:
        """What is served."""
        return [
            Endpoint(
                "/v1/rules",
                self.rules,
                Rules,
                RULES_EXAMPLE,
                PARAMETERS,
                (422, 503, 504),
                ("csv",),
            ),
            Endpoint("/v1/rules/{rule}", self.rule, RuleRevisions, RULE_REVISIONS_EXAMPLE),
        ]

    async def rules(self, request: Request) -> Response:
        """The newest revision of every rule, by id."""
        wanted = take_query(request, PARAMETERS)
        limit, after = wanted.get("limit", MOST), ""
        if "cursor" in wanted:
            (after,) = read_key_cursor(wanted["cursor"], _QUESTION, str)
        async with self._database.connection() as connection:
            found = await list_rules(
                connection, wanted.get("domain"), wanted.get("standard"), after, limit + 1
            )
        rows, last = take_page(found, limit)
        following = make_key_cursor([last["id"]], _QUESTION) if last else None
        return answer_list(
            request, Listing([_short(row) for row in rows], following), wanted, "csv"
        )

    async def rule(self, request: Request) -> Response:
        """Every revision of a rule, newest first, with all that defines it."""
        wanted = take_query(request, ())
        rule = request.path_params["rule"]
        async with self._database.connection() as connection:
            rows = await list_rule_revisions(connection, rule) if is_identifier(rule) else ()
        if not rows:
            raise NotFound(f"there is no rule {rule!r}")
        return answer_list(request, Listing([_whole(row) for row in rows]), wanted)


def _short(row: Row) -> dict[str, Any]:
    body = row["body"]
    standard = body["standard"]
    return {
        "id": row["id"],
        "revision": row["revision"],
        "title": body["title"],
        "domain": body["domain"],
        "unit": body["unit"],
        "digits": body["digits"],
        "length": body["window"]["length"],
        "standard": None if standard is None else standard["body"],
        "verified": body["verified"],
        "direction": body.get("direction"),
        "bands": body["bands"],
        "loaded_at": iso(to_us(row["loaded_at"])),
    }


def _whole(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "revision": row["revision"],
        "digest": row["digest"],
        "loaded_at": iso(to_us(row["loaded_at"])),
        "body": row["body"],
        "definition": row["definition"],
    }
