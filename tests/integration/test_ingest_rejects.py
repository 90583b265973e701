"""A gateway hears about what could not be taken, on its own topic."""

import asyncio
import json
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cityvitals.settings import BrokerSettings, DatabaseSettings
from tests.integration.test_ingest import configured, metric, published, running, until

NOTICES = "cityvitals_ingest_reject_notices_total"


class Gateway:
    """Subscribes to the reject topic of a gateway, and keeps what it hears."""

    def __init__(self, port: int, city: str) -> None:
        self.heard: list[Any] = []
        self.is_subscribed = False
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _c, _d, message: self.heard.append(
            (message.topic, message.qos, json.loads(message.payload))
        )
        self._client.on_subscribe = self._subscribed
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"city/v1/{city}/air/gw/reject", qos=1)
        self._client.loop_start()

    def _subscribed(self, *_: Any) -> None:
        self.is_subscribed = True

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def test_a_gateway_is_told_what_was_rejected_and_not_flooded(
    database: DatabaseSettings, broker: BrokerSettings, city: str
) -> None:
    settings = configured(database, broker, city)
    topic = f"city/v1/{city}/air/gw/dev/obs"
    mixed = json.dumps(
        [
            {"t": "2026-11-23T10:15:00Z", "q": "no2", "v": 1},
            {"t": "2026-11-23T10:15:00Z", "q": "no2", "v": 1, "u": "kWh"},
        ]
    ).encode()

    async def main() -> None:
        gateway = Gateway(broker.port, city)
        try:
            async with running(settings):
                await until(lambda: when(gateway.is_subscribed))
                await published(settings, [(topic, mixed)])
                await until(lambda: when(bool(gateway.heard)))
                where, qos, words = gateway.heard[0]
                assert (where, qos) == (f"city/v1/{city}/air/gw/reject", 1)
                assert words["topic"] == topic
                [one] = words["rejected"]
                assert (one["index"], one["reason"]) == (1, "bad_unit")
                poison = [(topic, b"poison %d" % number) for number in range(300)]
                await published(settings, poison)
                await until(lambda: has_rejected(301))
                assert len(gateway.heard) < 60
                assert await metric(settings, NOTICES) < 60
        finally:
            gateway.close()

    async def has_rejected(count: int) -> bool:
        return await metric(settings, "cityvitals_ingest_dead_letters_total") >= count

    asyncio.run(main())


async def when(fact: bool) -> bool:  # noqa: FBT001 (what `until` asks for)
    return fact
