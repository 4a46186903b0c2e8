"""TLS to the store: only a certificate that the given authority signed is trusted."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from services.certificates import self_signed
from store.sample import air, everything

from livinglab.errors import StoreAuthError, StoreUnavailableError
from livinglab.store import open_store


class TlsFront:
    """A TLS end in front of the real server, as a reverse proxy is."""

    def __init__(self, certificate: Path, upstream: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._upstream = upstream
        plain = socket.create_server(("127.0.0.1", 0))
        self._listener = context.wrap_socket(plain, server_side=True)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except ssl.SSLError:
                continue  # the client did not trust us
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._upstream))
            for ends in ((client, server), (server, client)):
                pump = threading.Thread(target=self._pump, args=ends, daemon=True)
                self._threads.append(pump)
                pump.start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            source.close()
            sink.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def front(influx_server, tmp_path: Path) -> Iterator[TlsFront]:
    proxy = TlsFront(self_signed(tmp_path, "server"), influx_server.port)
    yield proxy
    proxy.close()


def address(front: TlsFront, plain_url: str, options: str) -> str:
    """The plain store's address, by way of the TLS end."""
    query = plain_url.partition("?")[2]
    return f"influxdb://127.0.0.1:{front.port}?{query}{options}"


def test_tls_with_the_right_authority_works(influx_store, influx_server, front, tmp_path) -> None:
    url = address(front, influx_store.url, f"&tls=1&ca={tmp_path / 'server.pem'}")
    store = open_store(url, token=influx_server.token)
    assert store.write("raw", [air("d1", 0, no2=1.0)]) == []
    assert everything(store) == everything(influx_store) == [air("d1", 0, no2=1.0)]
    store.close()


def test_tls_with_another_authority_is_refused(influx_store, front, tmp_path) -> None:
    other = self_signed(tmp_path, "other")
    for options in ("&tls=1", f"&tls=1&ca={other}"):
        store = open_store(address(front, influx_store.url, options), token="t")
        with pytest.raises(StoreAuthError, match="no trusted TLS") as caught:
            store.probe()
        assert "ca=" in caught.value.hint


def test_tls_missing_authority_file_is_named(influx_store, front, tmp_path) -> None:
    url = address(front, influx_store.url, f"&tls=1&ca={tmp_path / 'none.pem'}")
    with pytest.raises(StoreAuthError, match=r"none\.pem"):
        open_store(url, token="t").probe()


def test_plain_request_to_a_tls_port_is_unavailable(influx_store, front) -> None:
    with pytest.raises(StoreUnavailableError):
        open_store(address(front, influx_store.url, ""), token="t").probe()
