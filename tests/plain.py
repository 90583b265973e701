"""HTTP without TLS, to servers of this machine.

On its own, httpx reads all of the system's certificates for each request: 40 ms of a processor,
and tests ask twenty times a second whether something is ready.
"""

import ssl
from functools import partial
from typing import Final

import httpx

_NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

get = partial(httpx.get, verify=_NO_CERTIFICATES)
post = partial(httpx.post, verify=_NO_CERTIFICATES)
stream = partial(httpx.stream, verify=_NO_CERTIFICATES)
