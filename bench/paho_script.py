"""What many write first: paho, on_message, a Point, influxdb-client's batching write. The peer.

    python bench/paho_script.py MQTT_PORT INFLUX_URL TOKEN ORG BUCKET

It loses what is in memory when it stops: paho acknowledges on receipt.
"""

from __future__ import annotations

import json
import sys

from influxdb_client import InfluxDBClient, Point, WriteOptions
from paho.mqtt import client as paho


def main() -> None:
    port, url, token, org, bucket = sys.argv[1:]
    store = InfluxDBClient(url=url, token=token, org=org, enable_gzip=True)
    writer = store.write_api(write_options=WriteOptions(batch_size=5_000, flush_interval=1_000))

    def on_message(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        content = json.loads(message.payload)
        point = Point("air").tag("device", content["device"]).time(content["ts"])
        for key, value in content["values"].items():
            point.field(key, float(value))
        writer.write(bucket, org, point)

    def on_connect(client: paho.Client, *_: object) -> None:
        client.subscribe("bench/json/+", qos=1)

    client = paho.Client(
        paho.CallbackAPIVersion.VERSION2, client_id="bench-script", clean_session=False
    )
    client.on_message = on_message
    client.on_connect = on_connect
    client.connect("127.0.0.1", int(port))
    client.loop_forever()


if __name__ == "__main__":
    main()
