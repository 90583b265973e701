"""A gateway as a vendor would write it: paho, QoS 1, the project's topics and own payload."""

from types import TracebackType
from typing import Any, Self

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion


class Gateway:
    """One connection that publishes for one city.

    Args:
        port: the broker's, on the loopback.
        city: id of the city.
        name: id of the gateway.
        domain: of all its devices.
    """

    def __init__(self, port: int, city: str, name: str = "g1", domain: str = "air") -> None:
        self._port = port
        self._prefix = f"city/v1/{city}"
        self._place = f"{self._prefix}/{domain}/{name}"
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{city}-{name}",
            protocol=MQTTProtocolVersion.MQTTv5,
        )

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def city(self, time_zone: str = "UTC", clock: str = "live") -> None:
        """Declare the city."""
        self._send(
            f"{self._prefix}/meta", {"name": "A city", "tz": time_zone, "clock": clock}, retain=True
        )

    def status(self, status: str) -> None:
        """Announce the gateway's status."""
        self._send(f"{self._place}/status", {"status": status}, retain=True)

    def meta(self, device: str, **declared: Any) -> None:
        """Declare a device."""
        self._send(f"{self._place}/{device}/meta", declared, retain=True)

    def obs(self, device: str, *readings: dict[str, Any]) -> None:
        """Send a pack of readings, and wait until the broker has it."""
        self._send(f"{self._place}/{device}/obs", list(readings))

    def _send(self, topic: str, payload: Any, *, retain: bool = False) -> None:
        sent = self._client.publish(topic, msgspec.json.encode(payload), 1, retain)
        sent.wait_for_publish(20)
        assert sent.is_published(), f"the broker did not take {topic}"
