"""What became of a reading, and why it was rejected where it was."""

from enum import StrEnum


class Outcome(StrEnum):
    """Every received reading ends as exactly one of these: the ledger closes."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    REVISED = "revised"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why a reading or message became a dead letter: a closed set."""

    UNDECODABLE = "undecodable"
    UNKNOWN_SCHEMA = "unknown_schema"
    BAD_TOPIC = "bad_topic"
    UNKNOWN_QUANTITY = "unknown_quantity"
    BAD_UNIT = "bad_unit"
    NO_NUMBER = "no_number"
    NO_TIME = "no_time"
    FUTURE = "future"
    SEALED = "sealed"
    NOT_ALLOWED = "not_allowed"
    MISMATCH = "mismatch"
    TOO_LARGE = "too_large"
    OVER_LIMIT = "over_limit"
    UNSUPPORTED = "unsupported"
