"""Lists as they are answered: JSON with cursor, CSV, and GeoJSON where items have places. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.answers import answer
from api.parameters import BadParameters, Parameter, whole_number

JSON: Final = "application/json"
CSV: Final = "text/csv"
GEOJSON: Final = "application/geo+json"
MEDIA_TYPES: Final = {"json": JSON, "csv": CSV, "geojson": GEOJSON}
CURSOR: Final = Parameter("cursor", str, "The `next` of the answer before.")

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list.

    Attributes:
        items: in order, each as JSON has it.
        following: the cursor of the next page, None on the last.
        head: what is said of the whole list: the city, and its time zone.
    """

    items: Sequence[Mapping[str, Any]]
    following: str | None = None
    head: Mapping[str, Any] | None = None


def format_parameter(*more: str) -> Parameter:
    """The parameter that picks a format: JSON or another."""
    names = ["json", *more]

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"expected one of {', '.join(names)}, got {text!r}")
        return text

    return Parameter(
        "format",
        parse,
        "How the answer is written; left out: as the header Accept has it, else JSON.",
        {"type": "string", "enum": names},
    )


def limit_parameter(most: int, said: str = "At most so many at once.") -> Parameter:
    """The parameter that says how many items a page has, at most `most`."""
    count = {"type": "integer", "minimum": 1, "maximum": most, "default": most}
    return Parameter("limit", whole_number(1, most), said, count)


def head_of(city: Mapping[str, Any]) -> dict[str, Any]:
    """What lists of a city say before their items."""
    return {"city": city["id"], "time_zone": city["time_zone"]}


def encode_list(
    bodies: Iterable[bytes], following: str | None = None, head: Mapping[str, Any] | None = None
) -> bytes:
    """`{…head, "items": […], "next": …}` of encoded items."""
    said = [_encode(name) + b":" + _encode(one) + b"," for name, one in (head or {}).items()]
    items = b'"items":[' + b",".join(bodies) + b"]"
    return b"{" + b"".join(said) + items + b',"next":' + _encode(following) + b"}"


def format_of(request: Request, wanted: Mapping[str, Any], formats: Sequence[str]) -> str:
    """The format that a request asks for: by its parameter, else by Accept, else JSON."""
    if "format" in wanted:
        return str(wanted["format"])
    accepted = request.headers.get("accept", "")
    if JSON in accepted:
        return "json"
    return next((name for name in formats if MEDIA_TYPES[name] in accepted), "json")


def answer_list(
    request: Request, listing: Listing, wanted: Mapping[str, Any], *formats: str
) -> Response:
    """A page in the format that was asked for."""
    chosen = format_of(request, wanted, formats)
    if chosen == "csv":
        found = answer(request, as_csv(listing.items), f"{CSV}; charset=utf-8")
    elif chosen == "geojson":
        found = answer(request, _encode(as_geojson(listing)), GEOJSON)
    else:
        bodies = (_encode(item) for item in listing.items)
        found = answer(request, encode_list(bodies, listing.following, listing.head))
    if listing.following is not None:
        there = request.url.include_query_params(cursor=listing.following)
        found.headers["Link"] = f'<{there.path}?{there.query}>; rel="next"'
    return found


def as_csv(items: Sequence[Mapping[str, Any]]) -> bytes:
    """Items by RFC 4180, a head line first; null is empty, lists and objects are JSON."""
    out = io.StringIO()
    columns = list(dict.fromkeys(name for item in items for name in item))
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(item.get(name)) for name in columns] for item in items)
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return _encode(value).decode()
    # What a spreadsheet would take for a formula is text of somebody else's.
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{value}"
    return value


def as_geojson(listing: Listing) -> dict[str, Any]:
    """Items as features by RFC 7946: `geometry`, or a point of `longitude` and `latitude`."""
    return {
        "type": "FeatureCollection",
        **(listing.head or {}),
        "features": [_feature(item) for item in listing.items],
        "next": listing.following,
    }


def _feature(item: Mapping[str, Any]) -> dict[str, Any]:
    left_out = {"geometry", "latitude", "longitude"}
    feature = {
        "type": "Feature",
        "geometry": item.get("geometry") or _point(item),
        "properties": {name: each for name, each in item.items() if name not in left_out},
    }
    return {"id": item["id"], **feature} if "id" in item else feature


def _point(item: Mapping[str, Any]) -> dict[str, Any] | None:
    if item.get("latitude") is None or item.get("longitude") is None:
        return None
    return {"type": "Point", "coordinates": [item["longitude"], item["latitude"]]}


def take_page(rows: Sequence[Any], limit: int) -> tuple[Sequence[Any], Any | None]:
    """The rows of a page, and the last of them where more follow; one more than `limit` is read."""
    shown = rows[:limit]
    return shown, shown[-1] if len(rows) > limit else None


def refuse_empty(begin: Any, end: Any) -> None:
    """See that a stretch is one.

    Raises:
        BadParameters: it is not.
    """
    if begin >= end:
        raise BadParameters([("to", "expected a time after `from`")])
