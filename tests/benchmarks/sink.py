"""A bare paho subscriber that drops what it gets: the most that a paho process can take."""

import signal
import sys
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.benchmarks.board import Board, Slot

_RECEIVE_MAXIMUM = 1000


def main(port: int, path: str) -> None:
    """Subscribe, count and drop until SIGTERM."""
    board = Board(Path(path))
    received = 0

    def count(_client: Client, _data: Any, _message: Any) -> None:
        nonlocal received
        received += 1
        board[Slot.RECEIVED] = received

    client = Client(CallbackAPIVersion.VERSION2, "bench-sink", protocol=MQTTProtocolVersion.MQTTv5)
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = _RECEIVE_MAXIMUM
    client.on_message = count
    client.connect("127.0.0.1", port, properties=properties)
    client.subscribe("drop/v1/+/+/+/+/obs", qos=1)
    signal.signal(signal.SIGTERM, lambda *_: client.disconnect())
    client.loop_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
