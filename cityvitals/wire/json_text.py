"""JSON of any shape: what is looked at where the fast typed way does not fit."""

import json
from typing import Any

from cityvitals.domain.outcome import Reason
from cityvitals.errors import MalformedPayload


def parse(payload: bytes) -> Any:
    """Any JSON, and the NaN and Infinity that some encoders write as numbers.

    Nested deeper than the interpreter recurses, or with whole numbers of thousands of digits, it is
    refused like any other text that is not JSON.

    Raises:
        MalformedPayload: `undecodable`.
    """
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        detail = str(error)[:200].encode("ascii", "backslashreplace").decode()
        raise MalformedPayload(Reason.UNDECODABLE, f"not JSON: {detail}") from None
