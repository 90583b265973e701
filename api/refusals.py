"""Requests that are refused before anything is looked up, each with its status."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from cityvitals.errors import CityVitalsError


class Refused(CityVitalsError):
    """A request is not taken.

    Attributes:
        status: of the answer.
        headers: that the answer has beside the usual.
    """

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    headers: Mapping[str, str] = {}


class NotJson(Refused):
    """What was sent is no JSON of the right form."""


class Unauthorized(Refused):
    """Nobody knows who asks: no token, or one that is not in force."""

    status = HTTPStatus.UNAUTHORIZED
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="cityvitals"'}


class Forbidden(Refused):
    """Whoever asks may not do this."""

    status = HTTPStatus.FORBIDDEN


class TooSlow(Refused):
    """What is sent did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TooLarge(Refused):
    """What is sent is more than may be."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class WrongType(Refused):
    """What is sent is not of a media type that is taken."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class TooLong(Refused):
    """The answer took longer than one may."""

    status = HTTPStatus.GATEWAY_TIMEOUT
