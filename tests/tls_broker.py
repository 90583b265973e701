"""A mosquitto with the shipped production configuration, and certificates made for the test."""

import itertools
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import SecretStr

from cityvitals.settings import BrokerSettings
from cityvitals.tls import client_context, password_of
from deploy.local.broker import EmbeddedBroker, Product, find_mosquitto
from deploy.local.ports import free_port, listens
from tests.servers import Background

SHIPPED = Path(__file__).parents[1] / "deploy" / "mosquitto"
G1, G2, ELSEWHERE = "vitalia/air/g1", "vitalia/air/g2", "other/air/g1"
GATEWAYS = {G1: "pass-of-g1", G2: "pass-of-g2", ELSEWHERE: "pass-elsewhere"}
SERVICE = {"cityvitals": "pass-of-service", "operator": "pass-of-operator"}
WILL = b'{"status": "offline"}'
HERE = "DNS:localhost,IP:127.0.0.1"
FOREVER_S = 1200
DEADLINE_S = 60.0
_numbers = itertools.count(1)


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.file = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        self._request("/CN=CityVitals test authority", self.file, self._key)

    def issue(
        self, name: str, common_name: str, *more: str, alternative: str = HERE
    ) -> tuple[Path, Path]:
        """A certificate and its key; slashes in the common name are its own."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        subject = "/CN=" + common_name.replace("/", r"\/")
        signed = ("-CA", str(self.file), "-CAkey", str(self._key))
        named = ("-addext", f"subjectAltName={alternative}")
        self._request(subject, certificate, key, *signed, *named, *more)
        return certificate, key

    def _request(self, subject: str, certificate: Path, key: Path, *more: str) -> None:
        protection = () if "-passout" in more else ("-nodes",)
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
        files = ("-out", str(certificate), "-keyout", str(key))
        words = ("req", "-x509", *curve, *protection, "-days", "2", "-subj", subject, *files)
        subprocess.run(["openssl", *words, *more], check=True, capture_output=True)


class SecureBroker:
    """The shipped mosquitto, its paths and ports moved to where a test may use them.

    Args:
        background: loop to start it on.
        changes: lines of the shipped files to replace.
        prepared: a folder that has accounts and certificates already; none are made.
    """

    def __init__(
        self,
        background: Background,
        changes: Mapping[str, str] | None = None,
        prepared: Path | None = None,
    ) -> None:
        self._background = background
        self._folder = tempfile.TemporaryDirectory(prefix="cityvitals-tls-")
        self.etc = Path(self._folder.name) / "etc"
        shutil.copytree(prepared or SHIPPED, self.etc)
        if prepared is None:
            self._make_certificates()
            self._accounts("gateways.passwd", GATEWAYS)
            self._accounts("service.passwd", SERVICE)
        self.port, self.service_port = free_port(), free_port()
        product = Product(
            "mosquitto", (find_mosquitto() or "", "-c"), self._config(changes or {}), durable=True
        )
        self._server = EmbeddedBroker(Path(self._folder.name), self.port, product)

    def _make_certificates(self) -> None:
        (self.etc / "certs").mkdir()
        self.authority = Authority(self.etc / "certs")
        self.authority.issue("server", "localhost")
        self.authority.issue("elsewhere", "elsewhere", alternative="DNS:elsewhere.example")

    def _accounts(self, name: str, accounts: Mapping[str, str]) -> None:
        file = self.etc / name
        file.write_text("".join(f"{user}:{password}\n" for user, password in accounts.items()))
        subprocess.run(["mosquitto_passwd", "-U", str(file)], check=True, capture_output=True)

    def _config(self, changes: Mapping[str, str]) -> str:
        limits = self.etc / "conf.d" / "limits.conf"
        config = (self.etc / "mosquitto.conf").read_text()
        for old, new in changes.items():
            assert old in config + limits.read_text(), f"{old!r} is not in the shipped files"
            config = config.replace(old, new)
            limits.write_text(limits.read_text().replace(old, new))
        moved = {
            "{": "{{",
            "}": "}}",
            "/etc/mosquitto": str(self.etc),
            "listener 8883": "listener {port} 127.0.0.1",
            "listener 8884": f"listener {self.service_port} 127.0.0.1",
            "persistence_location /var/lib/mosquitto/": "persistence_location {folder}/\n{user}",
        }
        for old, new in moved.items():
            assert old in config, f"{old!r} is not in the shipped configuration"
            config = config.replace(old, new)
        return config

    @property
    def pid(self) -> int:
        assert self._server.pid is not None
        return self._server.pid

    @property
    def log(self) -> str:
        return (Path(self._folder.name) / "log" / "broker.log").read_text()

    def start(self) -> None:
        self._background.call(self._server.start())
        until(lambda: listens(self.service_port))

    def stop(self) -> None:
        self._background.call(self._server.stop())

    def discard(self) -> None:
        self.stop()
        self._folder.cleanup()

    def gateway(self, name: str = G1, **changes: Any) -> BrokerSettings:
        """How a gateway connects."""
        given = {"username": name, "password": SecretStr(GATEWAYS.get(name, "unknown"))}
        return self._settings(self.port, given | changes)

    def service(self, name: str = "cityvitals", **changes: Any) -> BrokerSettings:
        """How the city's own processes connect."""
        given = {"username": name, "password": SecretStr(SERVICE.get(name, "unknown"))}
        return self._settings(self.service_port, given | changes)

    def _settings(self, port: int, changes: Mapping[str, Any]) -> BrokerSettings:
        common: dict[str, Any] = {
            "host": "localhost",
            "port": port,
            "tls": True,
            "ca_file": self.authority.file,
        }
        return BrokerSettings.model_validate({**common, **changes})


class Peer:
    """A paho client that remembers what it was told. Its session stays, if it has a name."""

    def __init__(
        self, broker: BrokerSettings, client_id: str = "", will: str = "", **given: int
    ) -> None:
        self.answer = ""
        self.granted: dict[int, list[str]] = {}
        self.acks: dict[int, str] = {}
        self.messages: list[tuple[str, bytes]] = []
        self.told: dict[str, Any] = {}
        is_5 = broker.protocol == "5"
        clean = {} if is_5 else {"clean_session": not client_id}
        self.mqtt = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id or f"peer-{next(_numbers)}",
            protocol=mqtt.MQTTv5 if is_5 else mqtt.MQTTv311,
            **clean,  # type: ignore[arg-type]
        )
        self.mqtt.username_pw_set(broker.username, password_of(broker))
        if (context := client_context(broker)) is not None:
            self.mqtt.tls_set_context(context)
        if will:
            self.mqtt.will_set(will, WILL, 1, retain=True)
        self._listen()
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = FOREVER_S if client_id else 0
        for name, value in given.items():
            setattr(properties, name, value)
        more: dict[str, Any] = (
            {"clean_start": not client_id, "properties": properties} if is_5 else {}
        )
        self.mqtt.connect(broker.host, broker.port, **more)
        self.mqtt.loop_start()
        until(lambda: bool(self.answer))

    def _listen(self) -> None:
        self.mqtt.on_connect = self._connected
        self.mqtt.on_subscribe = lambda _client, _data, mid, codes, _more: self.granted.__setitem__(
            mid, [str(code) for code in codes]
        )
        self.mqtt.on_publish = lambda _client, _data, mid, code, _more: self.acks.__setitem__(
            mid, str(code)
        )
        self.mqtt.on_message = lambda _client, _data, message: self.messages.append(
            (message.topic, bytes(message.payload))
        )
        self.mqtt.on_disconnect = self._disconnected

    def _connected(
        self, _client: object, _data: object, _flags: object, code: object, more: Properties | None
    ) -> None:
        self.told = more.json() if more is not None else {}  # type: ignore[no-untyped-call]
        self.answer = str(code)

    def _disconnected(self, *_: object) -> None:
        self.answer = self.answer or "disconnected"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def drop(self) -> None:
        """Lose the connection without a word."""
        self.mqtt.loop_stop()
        sock: Any = self.mqtt.socket()
        sock.shutdown(socket.SHUT_RDWR)

    def publish(self, topic: str, payload: bytes = b"{}") -> str:
        """Publish at QoS 1; what the broker answers."""
        mid = self.mqtt.publish(topic, payload, 1).mid
        until(lambda: mid in self.acks)
        return self.acks[mid]

    def subscribe(self, topic: str) -> str:
        """Subscribe at QoS 1; what the broker answers."""
        mid = self.mqtt.subscribe(topic, 1)[1]
        assert mid is not None
        until(lambda: mid in self.granted)
        return self.granted[mid][0]


def until(true: Callable[[], bool], deadline_s: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)
