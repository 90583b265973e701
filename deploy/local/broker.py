"""An MQTT 5 broker as a child process: mosquitto where there is one, else one from a wheel."""

import asyncio
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cityvitals.errors import SettingsError
from deploy.local.child import Child, Program, data_folder
from deploy.local.ports import listens, require_free

_START_SECONDS: Final = 15.0
_STOP_SECONDS: Final = 5.0
_RECEIVE_MAXIMUM: Final = 1000
_MESSAGE_BYTES: Final = 65_536
_LIMITS: Final = Path(__file__).parents[1] / "mosquitto" / "conf.d" / "limits.conf"
"""What holds here as in production."""

_MOSQUITTO: Final = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence_location {folder}/
log_dest stderr
log_type error
log_type warning
{user}
{limits}
"""

_IOTCORE: Final = """\
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10
[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = {size}
max_inflight_count = {inflight}
"""


@dataclass(frozen=True, slots=True)
class Product:
    """A broker's program.

    Attributes:
        durable: whether it keeps sessions and queued messages over a restart of its own.
    """

    name: str
    command: tuple[str, ...]
    config: str
    durable: bool


def find_mosquitto() -> str | None:
    """Path of a mosquitto on this machine, if it has one."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def choose(*, prefer_mosquitto: bool = True) -> Product:
    """Mosquitto where there is one, else the broker that came with us."""
    path = find_mosquitto() if prefer_mosquitto else None
    if path is not None:
        return Product("mosquitto", (path, "-c"), _MOSQUITTO, durable=True)
    command = (sys.executable, "-m", "iotcore", "--log-level", "WARNING", "--config")
    return Product("iotcore", command, _IOTCORE, durable=False)


class EmbeddedBroker:
    """One broker on the loopback.

    Args:
        data: data folder: configuration and what it keeps in `broker/`, its log in `log/`.
        port: for MQTT 5.
        product: which program; by default `choose`s.
        setting: what the user changes to take another port, for messages.
    """

    def __init__(
        self,
        data: Path,
        port: int,
        product: Product | None = None,
        setting: str = "CITYVITALS_BROKER__PORT",
    ) -> None:
        self._data = data
        self._port = port
        self._setting = setting
        self.product = product or choose()
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The broker's process, while it runs."""
        return None if self._child is None else self._child.pid

    async def start(self) -> None:
        """Start, and wait until it listens.

        Raises:
            SettingsError: the port is taken, or it does not start; says what it logged.
        """
        require_free(self._port, f"the broker ({self.product.name})", self._setting)
        folder = data_folder(self._data / "broker").resolve()
        config = folder / f"{self.product.name}.toml"  # iotcore reads no other ending
        config.write_text(self._configuration(folder))
        self._child = Child(self._program(config), self._data)
        await self._child.start()
        try:
            await self._listening(self._child)
        except BaseException:
            await self.stop()
            raise

    def exit_code(self) -> int | None:
        """How it ended, or None while it runs."""
        return None if self._child is None else self._child.exit_code()

    async def ended(self) -> int:
        """Wait for its end."""
        return 0 if self._child is None else await self._child.ended()

    async def stop(self) -> None:
        """End it; harder where that takes too long."""
        if self._child is not None:
            await self._child.stop()

    def last_words(self) -> str:
        """The end of its log."""
        return "" if self._child is None else self._child.last_words()

    def _program(self, config: Path) -> Program:
        return Program(
            name="broker",
            argv=[*self.product.command, str(config)],
            environment={"PATH": os.environ.get("PATH", os.defpath)},
            stop=((signal.SIGTERM, _STOP_SECONDS),),
            # Mosquitto writes down what it holds when it is asked to end.
            orphaned=signal.SIGTERM if self.product.durable else signal.SIGKILL,
        )

    def _configuration(self, folder: Path) -> str:
        # As root, mosquitto would become an account that cannot write our folder.
        user = "user root" if os.geteuid() == 0 else ""
        return self.product.config.format(
            port=self._port,
            folder=folder,
            inflight=_RECEIVE_MAXIMUM,
            size=_MESSAGE_BYTES,
            limits=_LIMITS.read_text(),
            user=user,
        )

    async def _listening(self, child: Child) -> None:
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not listens(self._port):
                    if child.exit_code() is not None:
                        break
                    await asyncio.sleep(0.02)
                else:
                    return
        except TimeoutError:
            pass
        raise SettingsError(
            f"{self.product.name} does not start: {child.last_words()} ({child.log})"
        )
