"""The topic grammar that gateways and the city agree on: parsed and written, pure.

city/v1/{city}/{domain}/{gateway}/{device}/obs     readings
city/v1/{city}/{domain}/{gateway}/{device}/meta    retained: what the device declares
city/v1/{city}/{domain}/{gateway}/obs              readings of devices that the payload names
city/v1/{city}/{domain}/{gateway}/status           retained: online, offline (last will), end
city/v1/{city}/{domain}/{gateway}/reject           ours, to the gateway
city/v1/{city}/meta                                retained: name, time zone, clock
city/v1/{city}/kpi/{zone}/{rule}                   ours, retained; zone `_` is the whole city
city/v1/{city}/alert/{zone}/{alert}                ours, retained; the newest of an alert rule
"""

from dataclasses import dataclass
from typing import Final

from cityvitals.domain.names import Domain, is_identifier
from cityvitals.errors import BadTopic

OBS_FILTER: Final = "city/v1/+/+/+/+/obs"
GATEWAY_OBS_FILTER: Final = "city/v1/+/+/+/obs"
META_FILTER: Final = "city/v1/+/+/+/+/meta"
STATUS_FILTER: Final = "city/v1/+/+/+/status"
CITY_META_FILTER: Final = "city/v1/+/meta"

_ROOT: Final = "city/v1/"
_WHOLE_CITY: Final = "_"
_DOMAINS: Final = {domain.value: domain for domain in Domain}


@dataclass(frozen=True, slots=True)
class Obs:
    """Readings of a device."""

    city: str
    domain: Domain
    gateway: str
    device: str


@dataclass(frozen=True, slots=True)
class GatewayObs:
    """Readings of devices that the payload names."""

    city: str
    domain: Domain
    gateway: str


@dataclass(frozen=True, slots=True)
class Meta:
    """What a device declares about its series and place."""

    city: str
    domain: Domain
    gateway: str
    device: str


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a gateway is there."""

    city: str
    domain: Domain
    gateway: str


@dataclass(frozen=True, slots=True)
class Reject:
    """What we tell a gateway about readings of its that we could not take."""

    city: str
    domain: Domain
    gateway: str


@dataclass(frozen=True, slots=True)
class CityMeta:
    """What a city says of itself."""

    city: str


@dataclass(frozen=True, slots=True)
class Kpi:
    """An indicator that we publish; zone "" is the city itself."""

    city: str
    zone: str
    rule: str


@dataclass(frozen=True, slots=True)
class Alert:
    """The newest alert of an alert rule in a zone, that we publish; zone "" is the city itself."""

    city: str
    zone: str
    alert: str


_OF_GATEWAY: Final[dict[str, type[Status | Reject | GatewayObs]]] = {
    "status": Status,
    "reject": Reject,
    "obs": GatewayObs,
}
_LEAVES: Final = {kind: leaf for leaf, kind in _OF_GATEWAY.items()}

Topic = Obs | GatewayObs | Meta | Status | Reject | CityMeta | Kpi | Alert


def parse(topic: str) -> Topic:
    """What a topic names; the inverse of `format`.

    Raises:
        BadTopic: saying which level is wrong and why.
    """
    if not topic.startswith(_ROOT) or not topic.isascii():
        raise BadTopic(f"topic {topic!a} does not start with {_ROOT} in plain ASCII")
    levels = topic[len(_ROOT) :].split("/")
    city = _identifier("city", levels[0], topic)
    match levels[1:]:
        case ["meta"]:
            return CityMeta(city)
        case ["kpi", zone, rule]:
            named = "" if zone == _WHOLE_CITY else _identifier("zone", zone, topic)
            return Kpi(city, named, _identifier("rule", rule, topic))
        case ["alert", zone, alert]:
            named = "" if zone == _WHOLE_CITY else _identifier("zone", zone, topic)
            return Alert(city, named, _identifier("alert", alert, topic))
        case [domain, gateway, ("status" | "reject" | "obs") as leaf]:
            kind = _OF_GATEWAY[leaf]
            return kind(city, _domain(domain, topic), _identifier("gateway", gateway, topic))
        case [domain, gateway, device, ("obs" | "meta") as leaf]:
            return (Obs if leaf == "obs" else Meta)(
                city,
                _domain(domain, topic),
                _identifier("gateway", gateway, topic),
                _identifier("device", device, topic),
            )
    raise BadTopic(f"topic {topic!a} has no known form: see docs/payloads.md")


def format(topic: Topic) -> str:  # noqa: A001 - read as topic.format(...), the inverse of parse
    """The text of a topic; the inverse of `parse`."""
    match topic:
        case CityMeta(city):
            return f"{_ROOT}{city}/meta"
        case Kpi(city, zone, rule):
            return f"{_ROOT}{city}/kpi/{zone or _WHOLE_CITY}/{rule}"
        case Alert(city, zone, alert):
            return f"{_ROOT}{city}/alert/{zone or _WHOLE_CITY}/{alert}"
        case Status() | Reject() | GatewayObs():
            leaf = _LEAVES[type(topic)]
            return f"{_ROOT}{topic.city}/{topic.domain}/{topic.gateway}/{leaf}"
        case Obs(city, domain, gateway, device):
            return f"{_ROOT}{city}/{domain}/{gateway}/{device}/obs"
        case Meta(city, domain, gateway, device):
            return f"{_ROOT}{city}/{domain}/{gateway}/{device}/meta"


def _identifier(level: str, text: str, topic: str) -> str:
    if not is_identifier(text):
        raise BadTopic(f"topic {topic!a}: {level} {text!a} is not an id (letters, digits, . _ -)")
    return text


def _domain(text: str, topic: str) -> Domain:
    found = _DOMAINS.get(text)
    if found is None:
        raise BadTopic(f"topic {topic!a}: domain {text!a} is not one of {', '.join(_DOMAINS)}")
    return found
