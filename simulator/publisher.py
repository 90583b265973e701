"""A feed's devices on MQTT: gateways dealt over links, declared before they speak."""

import asyncio
from typing import Final

from cityvitals.settings import BrokerSettings
from cityvitals.wire import topic
from cityvitals.wire.meta import DeviceMeta, GatewayStatus, encode_city, encode_meta, encode_status
from simulator.feed import Device, Feed, Gateway, Pack
from simulator.link import Link
from simulator.packing import payload_of
from simulator.session import Message

OUTSTANDING: Final = 1000
"""Unacknowledged messages at most, over all links."""


class Publisher:
    """Where a feed's packs go out.

    A gateway that has a link of its own has a last will on it. With more gateways than links the
    links are shared, and cut ones leave their gateways online: MQTT has one will a connection.
    """

    def __init__(self, feed: Feed, broker: BrokerSettings, connections: int) -> None:
        self._feed = feed
        gateways = sorted({device.gateway for device in feed.devices})
        count = max(1, min(connections, len(gateways)))
        shares = [gateways[number::count] for number in range(count)]
        self.links = [
            Link(
                broker,
                f"cityvitals-simulator-{feed.city}-{number}",
                self._status(share[0], GatewayStatus.OFFLINE) if len(share) == 1 else None,
                self._greeting(number, share),
                OUTSTANDING // count,
            )
            for number, share in enumerate(shares)
        ]
        self._link = {
            gateway: self.links[number] for number, share in enumerate(shares) for gateway in share
        }
        self._topics = {device: topic.format(self._obs(device)) for device in feed.devices}

    @property
    def outstanding(self) -> int:
        """Messages not acknowledged."""
        return sum(link.outstanding for link in self.links)

    async def run(self) -> None:
        """Keep all links, until cancelled. The first declares the city before the others begin."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.links[0].run(), name="link 0")
            await self.links[0].drain()
            for number, link in enumerate(self.links[1:], 1):
                group.create_task(link.run(), name=f"link {number}")

    async def declare(self) -> None:
        """Declare the devices, and wait until everything about the city is acknowledged."""
        for device in self._feed.devices:
            await self._link[device.gateway].send(self._meta(device))
        await self.drain()

    async def send(self, pack: Pack) -> None:
        """Publish a pack, once there is room for it."""
        place, count = self._topics[pack.device], len(pack.samples)
        message = Message(place, payload_of(pack), readings=count)
        await self._link[pack.device.gateway].send(message)

    async def drain(self) -> None:
        """Wait until everything is acknowledged."""
        for link in self.links:
            await link.drain()

    async def leave(self, status: GatewayStatus) -> None:
        """Tell a status for every gateway, and wait until all is acknowledged."""
        for link in self.links:
            link.forget_greeting()
        for gateway, link in self._link.items():
            await link.send(self._status(gateway, status))
        await self.drain()

    def _greeting(self, number: int, gateways: list[Gateway]) -> list[Message]:
        city = Message(
            topic.format(topic.CityMeta(self._feed.city)), encode_city(self._feed.meta), retain=True
        )
        online = [self._status(gateway, GatewayStatus.ONLINE) for gateway in gateways]
        return online if number else [city, *online]

    def _obs(self, device: Device) -> topic.Obs:
        return topic.Obs(self._feed.city, device.gateway.domain, device.gateway.id, device.id)

    def _meta(self, device: Device) -> Message:
        place = topic.Meta(self._feed.city, device.gateway.domain, device.gateway.id, device.id)
        meta = DeviceMeta(
            zone=device.zone, lat=device.latitude, lon=device.longitude, series=device.series
        )
        return Message(topic.format(place), encode_meta(meta), retain=True)

    def _status(self, gateway: Gateway, status: GatewayStatus) -> Message:
        place = topic.Status(self._feed.city, gateway.domain, gateway.id)
        return Message(topic.format(place), encode_status(status), retain=True)
