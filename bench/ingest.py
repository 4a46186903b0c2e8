"""Ingest side by side: this service, Telegraf, and the script that many write first.

    python bench/ingest.py [--messages 200000] [--rounds 1] [--only livinglab,telegraf,...]

All subscribe to the same real Mosquitto with QoS 1 and a persistent session and write to the same
real InfluxDB; the frames are about 190 bytes of JSON with five values, of 2 000 devices. The row
`senml` is our service with the labs' own format, 240 bytes with a unit at each value. Ours does all
it ever does: journal with fsync before each acknowledgment, registry, unit conversion, limits,
de-duplication, both ledgers, arrival versions, metrics. CPU-seconds are those of the subscriber's
process from the first message until the store holds the last.

Telegraf is taken from the environment variable TELEGRAF, or PATH; without it its row is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from load import make_registry  # noqa: E402
from paho.mqtt import client as paho  # noqa: E402
from services.influx_server import InfluxServer, provide_influx  # noqa: E402
from services.mosquitto import Mosquitto, provide_mosquitto  # noqa: E402

from livinglab.store import open_store  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
START_S = 5.0
PATIENCE_S = 600.0


@dataclass(frozen=True)
class Subscriber:
    """One contestant: how it is started, and where its points go."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    bucket: str
    client_id: str
    form: str = "json"


@dataclass(frozen=True)
class Result:
    """What one run took."""

    name: str
    cpu_s: float  # per 100 000 messages
    rate: float  # messages per second, from first publish to last in the store
    memory_mb: float  # peak


class Bench:
    """The two servers and the contestants."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.count = count
        (folder / "mosquitto").mkdir()
        (folder / "influx").mkdir()
        self.broker = provide_mosquitto(folder / "mosquitto", print)
        self.influx = provide_influx(folder / "influx", print)

    def close(self) -> None:
        """Stop the servers."""
        for server in (self.broker, self.influx):
            if isinstance(server, Mosquitto | InfluxServer):
                server.stop()

    def livinglab(self, turn: int) -> Subscriber:
        """Our service, whole."""
        return self._service("livinglab", f"bench{turn}", "json")

    def senml(self, turn: int) -> Subscriber:
        """Our service with the labs' own format."""
        return self._service("senml", f"senml{turn}", "senml")

    def _service(self, name: str, run: str, form: str) -> Subscriber:
        folder = self.folder / run
        make_registry(folder / "config", HERE.parent / "config")
        prefix = f"{run}-"
        url = f"{self.influx.store_url}&prefix={prefix}"
        store = open_store(url, token=self.influx.token)
        store.prepare()
        store.close()
        environment = {
            "LIVINGLAB_CONFIG": str(folder / "config"),
            "LIVINGLAB_STATE_DIR": str(folder / "state"),
            "LIVINGLAB_STORE": url,
            "LIVINGLAB_STORE_TOKEN": self.influx.token,
            "LIVINGLAB_BROKER": self.broker.url,
            "LIVINGLAB_CLIENT_ID": run,
        }
        command = [sys.executable, "-m", "livinglab", "ingest"]
        return Subscriber(name, command, environment, f"{prefix}raw", run, form)

    def telegraf(self, turn: int) -> Subscriber | None:
        """Telegraf, None where it is not installed."""
        binary = os.environ.get("TELEGRAF") or shutil.which("telegraf")
        if not binary:
            return None
        bucket = self._new_bucket(f"telegraf{turn}")
        text = (HERE / "telegraf.conf.in").read_text()
        values = {
            "@MQTT_PORT@": str(self.broker.port),
            "@INFLUX_URL@": self.influx.url,
            "@TOKEN@": self.influx.token,
            "@ORG@": self.influx.org,
            "@BUCKET@": bucket,
        }
        for mark, value in values.items():
            text = text.replace(mark, value)
        path = self.folder / f"telegraf{turn}.conf"
        path.write_text(text)
        command = [binary, "--config", str(path)]
        return Subscriber("telegraf", command, {}, bucket, "bench-telegraf")

    def script(self, turn: int) -> Subscriber:
        """The plain script."""
        bucket = self._new_bucket(f"script{turn}")
        peer = str(HERE / "paho_script.py")
        server = [self.influx.url, self.influx.token, self.influx.org, bucket]
        command = [sys.executable, peer, str(self.broker.port), *server]
        return Subscriber("script", command, {}, bucket, "bench-script")

    def run(self, subscriber: Subscriber) -> Result:
        """Start the subscriber, publish, and wait until the store has everything."""
        load = [sys.executable, str(HERE / "load.py"), str(self.broker.port)]
        load += [str(self.count), subscriber.form]
        log = (self.folder / f"{subscriber.bucket}.log").open("wb")
        with (
            log,
            subprocess.Popen(load, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as publisher,
            subprocess.Popen(
                subscriber.command,
                env={**os.environ, **subscriber.environment},
                stdout=log,
                stderr=log,
            ) as process,
        ):
            assert publisher.stdin is not None
            assert publisher.stdout is not None
            publisher.stdout.readline()
            time.sleep(START_S)
            before_s, begin = cpu_s(process.pid), time.monotonic()
            publisher.stdin.write(b"go\n")
            publisher.stdin.close()
            self._wait(subscriber, process)
            took_s, used_s = time.monotonic() - begin, cpu_s(process.pid) - before_s
            memory_mb = peak_mb(process.pid)
            process.terminate()
        self._end_session(subscriber.client_id)
        per = 100_000 / self.count
        return Result(subscriber.name, used_s * per, self.count / took_s, memory_mb)

    def _wait(self, subscriber: Subscriber, process: subprocess.Popen[bytes]) -> None:
        end = time.monotonic() + PATIENCE_S
        while (stored := self._stored(subscriber.bucket)) < self.count:
            if process.poll() is not None or time.monotonic() > end:
                log = (self.folder / f"{subscriber.bucket}.log").read_text()[-2000:]
                sys.exit(f"{subscriber.name} stored {stored} of {self.count} messages\n{log}")
            time.sleep(0.5)

    def _end_session(self, client_id: str) -> None:
        """Make the broker forget a contestant; it would keep all later messages for it."""
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id)
        client.connect(self.broker.host, self.broker.port)
        client.loop_start()
        while not client.is_connected():
            time.sleep(0.05)
        client.disconnect()
        client.loop_stop()

    def _stored(self, bucket: str) -> int:
        query = urllib.parse.urlencode({"db": bucket, "q": 'SELECT count("no2") FROM air'})
        answer = json.loads(self._request(f"/query?{query}"))
        series = answer["results"][0].get("series")
        return int(series[0]["values"][0][1]) if series else 0

    def _new_bucket(self, name: str) -> str:
        orgs = json.loads(self._request(f"/api/v2/orgs?org={self.influx.org}"))
        body = {"orgID": orgs["orgs"][0]["id"], "name": name, "retentionRules": []}
        self._request("/api/v2/buckets", json.dumps(body).encode())
        return name

    def _request(self, path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Token {self.influx.token}"}
        request = urllib.request.Request(self.influx.url + path, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid: int) -> float:
    """Most resident memory of a process so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def print_results(results: Sequence[Result]) -> None:
    """One row per run, and the best of each against ours."""
    print(f"{'':12}{'CPU-s / 100 000':>18}{'messages/s':>14}{'peak MB':>10}")
    for result in results:
        numbers = f"{result.cpu_s:18.2f}{result.rate:14.0f}{result.memory_mb:10.0f}"
        print(f"{result.name:12}{numbers}")
    best = {name: min(r.cpu_s for r in results if r.name == name) for name in names(results)}
    ours = best.pop("livinglab", None)
    for name, cpu in best.items():
        if ours:
            print(f"{name} needs {cpu / ours:.1f} times the CPU of livinglab")


def names(results: Sequence[Result]) -> list[str]:
    return sorted({result.name for result in results})


def main() -> None:
    parser = argparse.ArgumentParser(description="Ingest beside Telegraf and a plain script.")
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="livinglab,senml,telegraf,script")
    chosen = parser.parse_args()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder), chosen.messages)
        makers: dict[str, Callable[[int], Subscriber | None]] = {
            "livinglab": bench.livinglab,
            "senml": bench.senml,
            "telegraf": bench.telegraf,
            "script": bench.script,
        }
        try:
            for turn in range(chosen.rounds):
                for name in chosen.only.split(","):
                    subscriber = makers[name](turn)
                    if subscriber is None:
                        print("telegraf is not here: name its binary in TELEGRAF")
                        continue
                    results.append(bench.run(subscriber))
        finally:
            bench.close()
    print_results(results)


if __name__ == "__main__":
    main()
