"""What all tests share: the real servers, and stores on them."""

from __future__ import annotations

import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

# A slow machine is no failure of a property.
hypothesis.settings.register_profile("livinglab", deadline=None)
hypothesis.settings.load_profile("livinglab")

# A shell that starts the tests in the background lets them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
#: Recorded payloads, real measurements and oracles, beside the repository.
SHARED = ROOT.parent / "shared"

sys.path.insert(0, str(Path(__file__).parent))

from services.amqtt_broker import Amqtt  # noqa: E402
from services.influx_server import GivenInfluxServer, InfluxServer, provide_influx  # noqa: E402
from services.mosquitto import GivenMosquitto, Mosquitto, provide_mosquitto  # noqa: E402
from services.process import ServiceMissingError, free_port  # noqa: E402

if TYPE_CHECKING:
    from livinglab.store.base import Store

STORE_KINDS = ("sqlite", "influx")
BROKER_KINDS = ("mosquitto", "amqtt")


@pytest.fixture(scope="session", name="SHARED")
def shared() -> Path:
    """The folder of recorded material."""
    return SHARED


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Show a line at once, past pytest's capture: building a server takes minutes."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    terminal = request.config.pluginmanager.getplugin("terminalreporter")

    def show(text: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.write_line(text)

    return show


@pytest.fixture(scope="session")
def mosquitto(
    tmp_path_factory: pytest.TempPathFactory, say: Callable[[str], None]
) -> Iterator[Mosquitto | GivenMosquitto]:
    """A real broker: `.host .port .url .kill() .stop() .start() .pause() .resume()`."""
    try:
        broker = provide_mosquitto(tmp_path_factory.mktemp("mosquitto"), say)
    except ServiceMissingError as missing:
        pytest.fail(str(missing), pytrace=False)
    yield broker
    if isinstance(broker, Mosquitto):
        broker.stop()


@pytest.fixture(scope="session")
def amqtt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amqtt]:
    """The embedded broker: `.host .port .url .kill() .stop() .start() .pause() .resume()`."""
    broker = Amqtt(tmp_path_factory.mktemp("amqtt"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(params=BROKER_KINDS)
def broker(request: pytest.FixtureRequest) -> Mosquitto | GivenMosquitto | Amqtt:
    """Both brokers in turn: the real one and the embedded one keep the same contract."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def influx_server(
    tmp_path_factory: pytest.TempPathFactory, say: Callable[[str], None]
) -> Iterator[InfluxServer | GivenInfluxServer]:
    """A real InfluxDB: `.url .store_url .org .token .kill() .stop() .start() .pause()`."""
    try:
        server = provide_influx(tmp_path_factory.mktemp("influx"), say)
    except ServiceMissingError as missing:
        pytest.fail(str(missing), pytrace=False)
    yield server
    if isinstance(server, InfluxServer):
        server.stop()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An empty embedded store of the test's own."""
    from livinglab.store import open_store

    store = open_store("sqlite:///store", state_dir=tmp_path)
    store.prepare()
    yield store
    store.close()


@pytest.fixture
def influx_store(influx_server: InfluxServer) -> Iterator[Store]:
    """Empty buckets of the test's own on the real server, removed afterwards."""
    from livinglab.store import open_store
    from livinglab.store.influx import InfluxStore

    url = f"{influx_server.store_url}&prefix=t{uuid.uuid4().hex[:10]}-"
    store = open_store(url, token=influx_server.token)
    assert isinstance(store, InfluxStore)
    store.prepare()
    yield store
    store.remove_buckets()
    store.close()


@pytest.fixture(params=STORE_KINDS)
def store(request: pytest.FixtureRequest) -> Store:
    """Each kind of store in turn, fresh and empty."""
    return request.getfixturevalue(f"{request.param}_store")


@pytest.fixture
def free_port_number() -> int:
    """A loopback port nobody listens on."""
    return free_port()
