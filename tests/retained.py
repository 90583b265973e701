"""What a broker keeps from one test to the next."""

import threading

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

_MARK = "tests/all-retained-have-come"


def forget_retained(port: int) -> None:
    """Have a broker forget all retained messages: whoever subscribes next would be told of them."""
    kept: list[str] = []
    have_come = threading.Event()

    def heard(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == _MARK:
            have_come.set()
        elif message.retain:
            kept.append(message.topic)

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = heard
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        # The broker sends what it keeps before it takes the next packet.
        client.subscribe("#")
        client.publish(_MARK)
        assert have_come.wait(20), "the broker does not answer"
        for topic in kept:
            client.publish(topic, b"", qos=1, retain=True).wait_for_publish(20)
    finally:
        client.disconnect()
        client.loop_stop()
