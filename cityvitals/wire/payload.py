"""A message of readings in whichever format its bytes are: pure and total."""

from cityvitals.wire.formats import own_json
from cityvitals.wire.pack import Pack


def decode(payload: bytes) -> Pack:
    """The readings of a message.

    Raises:
        MalformedPayload: the whole message cannot be decoded.
    """
    return own_json.decode(payload)
