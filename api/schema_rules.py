"""Wire models of rules, for the documentation."""

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict


class _Shown(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RuleBand(BaseModel):
    """A band of values: above the one before, up to and with `to`; null without end."""

    name: str
    to: float | None
    colour: str | None = None


class RuleShown(_Shown):
    """The newest revision of a rule in short; the rule by itself has all of it.

    `direction` is which way is better, null where the rule does not say; `bands` ascend.
    """

    id: str
    revision: int
    title: str
    domain: str
    unit: str
    digits: int
    length: str
    standard: str | None
    verified: str
    direction: Literal["lower", "higher", "neither"] | None
    bands: list[RuleBand]
    loaded_at: datetime


class Rules(_Shown):
    """All rules that were ever loaded."""

    items: list[RuleShown]
    next: str | None


class RuleRevision(_Shown):
    """A revision of a rule: `body` is all that defines it, `definition` what its file says."""

    id: str
    revision: int
    digest: str
    loaded_at: datetime
    body: dict[str, Any]
    definition: str


class RuleRevisions(_Shown):
    """Every revision of a rule, newest first."""

    items: list[RuleRevision]
    next: str | None


RULES_EXAMPLE: Final[dict[str, Any]] = {
    "items": [
        {
            "id": "air.pm2_5.hour",
            "revision": 1,
            "title": "PM2.5, hourly mean",
            "domain": "air",
            "unit": "ug/m3",
            "digits": 0,
            "length": "hour",
            "standard": None,
            "verified": "own",
            "direction": "lower",
            "bands": [],
            "loaded_at": "2026-11-23T00:00:00Z",
        }
    ],
    "next": None,
}
RULE_REVISIONS_EXAMPLE: Final[dict[str, Any]] = {
    "items": [
        {
            "id": "air.pm2_5.hour",
            "revision": 1,
            "digest": "5d41402abc4b2a76b9719d911017c592ae0cd4e1b6b87a4b3f2a1c0d9e8f7a6b",
            "loaded_at": "2026-11-23T00:00:00Z",
            "body": {"id": "air.pm2_5.hour", "expression": "pm2_5", "unit": "ug/m3"},
            "definition": '{"file": "air_quality.toml", "rule": [{"id": "air.pm2_5.hour"}]}',
        }
    ],
    "next": None,
}
