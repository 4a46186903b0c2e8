"""Publish recorded messages with QoS 1: for the demo and for trying a route."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from ingest.client import publisher
from livinglab.errors import LivingLabError


def publish_all(
    broker: str,
    messages: Sequence[tuple[str, bytes]],
    *,
    on_progress: Callable[[int], None] = lambda _count: None,
    before_leaving: Callable[[], None] = lambda: None,
    timeout_s: float = 60.0,
) -> None:
    """Publish (topic, payload) pairs in order and wait until the broker has taken all of them.

    Parameters
    ----------
    broker : str
        mqtt://host:port.
    on_progress : callable
        Told how many messages the broker has acknowledged.
    before_leaving : callable
        Called while the connection is still open. The embedded broker drops what it acknowledged
        but did not pass on yet when the publisher leaves: there, wait for the arrival in this.
    timeout_s : float
        Longest wait for the next acknowledgment.

    Raises
    ------
    LivingLabError
        If the broker cannot be reached or stops acknowledging.
    """
    parts = urlsplit(broker)
    host, port = parts.hostname or "127.0.0.1", parts.port or 1883
    try:
        with publisher(host, port) as client:
            sent = [client.publish(topic, payload, qos=1) for topic, payload in messages]
            for count, info in enumerate(sent, start=1):
                info.wait_for_publish(timeout_s)
                if not info.is_published():
                    raise LivingLabError(
                        f"the broker at {host}:{port} took {count - 1} of {len(sent)} messages",
                        hint="see the broker's log",
                    )
                if count % 50 == 0 or count == len(sent):
                    on_progress(count)
            before_leaving()
    except OSError as error:
        raise LivingLabError(
            f"no broker at {host}:{port}: {error.strerror or error}", hint="is it running?"
        ) from error
