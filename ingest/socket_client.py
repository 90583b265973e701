"""paho's client on a socket of ours."""

from typing import Any

from paho.mqtt.client import Client

from ingest.buffered_socket import BufferedSocket


class SocketClient(Client):
    """paho's client on a socket that was connected without blocking the loop."""

    ready: BufferedSocket

    def _create_socket(self) -> Any:
        return self.ready

    def leave(self, **options: Any) -> None:
        """Disconnect; the broker reads all that was sent before the socket is closed."""
        self.ready.say_goodbye()
        self.disconnect(**options)

    def abandon(self) -> None:
        """Close the socket, whatever is going on."""
        self._sock_close()
