"""A connection to the broker that publishes retained messages, each acknowledged."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from api.kpi_shelf import Post
from cityvitals.errors import CityVitalsError
from cityvitals.settings import BrokerSettings
from cityvitals.tls import client_context, password_of

_AT_ONCE: Final = 200
"""Messages under way: paho loses them silently beyond 65,535."""
_SECONDS: Final = 10.0
_VERSIONS: Final = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


class BrokerAway(CityVitalsError):
    """The broker cannot be reached, or does not acknowledge: wait and try again."""


class BrokerLink:
    """Publishes at QoS 1; `lost` is set once the connection is gone."""

    def __init__(self, client: Client, lost: asyncio.Event) -> None:
        self._client = client
        self.lost = lost

    async def publish(self, posts: Sequence[Post]) -> None:
        """Have messages retained; returns when the broker has acknowledged all.

        Raises:
            BrokerAway: it has not.
        """
        for first in range(0, len(posts), _AT_ONCE):
            some = posts[first : first + _AT_ONCE]
            await asyncio.to_thread(self._publish, some)

    def _publish(self, posts: Sequence[Post]) -> None:
        sent = [self._client.publish(one.topic, one.payload, qos=1, retain=True) for one in posts]
        for one in sent:
            if one.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise BrokerAway(f"publishing indicators: {one.rc.name}")
            with suppress(ValueError, RuntimeError):
                one.wait_for_publish(_SECONDS)
            if not one.is_published():
                raise BrokerAway("the broker does not acknowledge what is published")


@asynccontextmanager
async def broker_link(broker: BrokerSettings, client_id: str) -> AsyncIterator[BrokerLink]:
    """A connection until left.

    Raises:
        BrokerAway: there is none to be had.
        SettingsError: a file of its settings cannot be used.
    """
    loop, lost, here = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    refused: list[str] = []

    def connected(_c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            refused.append(str(reason))
        loop.call_soon_threadsafe(here.set)

    def disconnected(*_: Any) -> None:
        loop.call_soon_threadsafe(lost.set)

    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=_VERSIONS[broker.protocol],
        reconnect_on_failure=False,
    )
    client.on_connect, client.on_disconnect = connected, disconnected
    client.max_inflight_messages_set(_AT_ONCE)
    if broker.username is not None:
        client.username_pw_set(broker.username, password_of(broker))
    context = client_context(broker)
    if context is not None:
        client.tls_set_context(context)
    place = f"broker {broker.host}:{broker.port}"
    try:
        await asyncio.to_thread(client.connect, broker.host, broker.port, broker.keepalive_seconds)
        client.loop_start()
        async with asyncio.timeout(_SECONDS):
            await here.wait()
        if refused:
            raise BrokerAway(f"{place} refuses the API: {refused[0]}")
        yield BrokerLink(client, lost)
    except (OSError, TimeoutError) as error:
        raise BrokerAway(f"{place}: {type(error).__name__}: {error}") from error
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)
