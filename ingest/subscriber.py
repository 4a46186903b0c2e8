"""The connection to the broker: messages in, acknowledgments out.

A `Subscriber` is driven by one thread: `poll` does the network's work and returns what arrived,
`acknowledge` tells the broker that all of it is safe. Not polling is the back-pressure: the socket
fills and the broker holds. Lost connections come back with growing pauses; the session persists, so
the broker sends again whatever was not acknowledged.
"""

from __future__ import annotations

import os
import random
import select
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from ingest.client import Broker, build_client
from ingest.frames import Inbox
from ingest.logs import logger
from livinglab.model import Message

_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 30.0
_SHORT_LIFE_S: Final = 5.0  # a connection that ends sooner does not reset the pauses
_SHORT_LIVES: Final = 3
_ANSWER_S: Final = 10.0  # for CONNACK
_CLOSE_S: Final = 2.0
_STARTING: Final = "not connected yet"
_SUBSCRIBING: Final = "connected, waiting for the broker to confirm the subscriptions"


class Subscriber:
    """A persistent session of QoS 1 subscriptions, driven by one thread.

    Parameters
    ----------
    broker : Broker
        Where and who.
    filters : iterable of str
        MQTT topic filters, without a share group's prefix.
    stale : iterable of str
        Subscriptions of an earlier run that the broker may still hold; those that are not wanted
        any more are taken back.
    last_ns : int
        Receipt times start above this, in ns since 1970 UTC.
    keep_bytes : int
        Longer payloads are cut to this length, and counted.

    Attributes
    ----------
    problem : str
        Why nothing arrives, in words; "" while connected and subscribed.
    last_message_ns : int
        When the last message came, 0 = none yet.
    connects, sessions_lost : int
        Connections so far; those among them for which the broker had forgotten our session.
    """

    def __init__(
        self,
        broker: Broker,
        filters: Iterable[str],
        *,
        stale: Iterable[str] = (),
        last_ns: int = 0,
        keep_bytes: int = 1_048_576,
    ) -> None:
        self.broker = broker
        self.problem = _STARTING
        self.last_message_ns = 0
        self.connects = 0
        self.sessions_lost = 0
        self._log = logger("client")
        self._inbox = Inbox(last_ns, keep_bytes)
        self._client = build_client(broker, self._inbox)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._wanted = self._shared(filters)
        self._held = set(stale)
        self._asked: dict[int, list[str]] = {}  # packet id of a SUBSCRIBE -> its filters
        self._changed = False
        self._accepted = False
        self._closing = False
        self._attempted_s = 0.0
        self._pause_s = 0.0
        self._short_lives = 0

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection that is open."""
        return self._accepted

    @property
    def truncated(self) -> int:
        """Messages whose payload was cut to the limit, so far."""
        return self._inbox.truncated

    @property
    def subscriptions(self) -> set[str]:
        """What the broker holds for this session, to the best of our knowledge."""
        return self._held | self._wanted

    def poll(self, timeout_s: float) -> list[Message]:
        """Wait at most `timeout_s` for the network and return the messages that arrived."""
        client = self._client
        if client.socket() is None:
            self._connect_or_wait(timeout_s)
        else:
            self._turn(timeout_s)
        messages = self._inbox.take()
        if messages:
            self.last_message_ns = messages[-1].received_ns
        return messages

    def acknowledge(self) -> int:
        """Acknowledge every message returned so far, in order of arrival; how many those were.

        Messages of an earlier connection are left out: the broker sends them again, and their
        packet ids may mean other messages by now.
        """
        packet_ids, self._inbox.unacknowledged = self._inbox.unacknowledged, []
        if self._client.socket() is None:
            return 0
        self._client.acknowledge(packet_ids)
        return len(packet_ids)

    def resubscribe(self, filters: Iterable[str]) -> None:
        """Want other topic filters from now on; any thread may call this."""
        wanted = self._shared(filters)
        if wanted != self._wanted:
            self._held |= self._wanted
            self._wanted = wanted
            self._changed = True
            self.problem = self.problem or _SUBSCRIBING

    def close(self) -> None:
        """Send what is waiting, disconnect; the session stays. `poll` would connect again."""
        client = self._client
        sock = client.socket()
        if sock is None:
            return
        self._closing = True
        # paho closes at once. With bytes unread, the kernel would then reset the connection, and
        # the broker lose the PUBACKs that it has not read yet.
        with socket.socket(fileno=os.dup(sock.fileno())) as open_until_read:
            end = time.monotonic() + _CLOSE_S
            client.disconnect()
            while client.socket() is not None and time.monotonic() < end:
                _, writable = _wait(client.socket(), wants_write=True, timeout_s=0.1)
                if writable:
                    client.loop_write()
            _read_out(open_until_read, end)
        self._inbox.unacknowledged.clear()
        self._accepted = self._closing = False

    def _shared(self, filters: Iterable[str]) -> set[str]:
        return {self.broker.shared(one) for one in outermost(filters)}

    def _turn(self, timeout_s: float) -> None:
        client = self._client
        sock: Any = client.socket()
        if getattr(sock, "pending", int)():  # TLS has decrypted bytes at hand
            timeout_s = 0.0
        readable, writable = _wait(sock, wants_write=client.want_write(), timeout_s=timeout_s)
        if readable or timeout_s == 0.0:
            client.read()
        if writable:
            client.loop_write()
        client.loop_misc()
        if self._changed and self._accepted:
            self._subscribe()
        if not self._accepted and time.monotonic() - self._attempted_s > _ANSWER_S:
            self._report(f"{self._place()} takes connections but does not answer")
            self.close()

    def _connect_or_wait(self, timeout_s: float) -> None:
        wait_s = self._attempted_s + self._pause_s - time.monotonic()
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
            return
        self._attempted_s = time.monotonic()
        self._pause_s = _longer(self._pause_s)
        self._inbox.unacknowledged.clear()
        try:
            self._client.reconnect()
        except (OSError, ValueError) as error:  # ValueError: a certificate for another host
            self._report(f"{self._place()} cannot be reached: {error}")

    def _on_connect(
        self, _client: object, _data: object, flags: Any, reason: Any, _properties: object
    ) -> None:
        if reason.is_failure:
            self._report(f"{self._place()} refuses the connection: {reason}")
            return
        self._accepted = True
        if self.connects and not flags.session_present:
            self.sessions_lost += 1
            self._log.warning("session_lost", why="the broker had forgotten our session")
        self.connects += 1
        self.problem = _SUBSCRIBING if self.problem in ("", _STARTING) else self.problem
        self._subscribe()

    def _subscribe(self) -> None:
        """Ask for what is wanted, always: a broker restored from an old state has less."""
        self._changed = False
        gone = sorted(self._held - self._wanted)
        if gone:
            self._client.unsubscribe(gone)
        self._held.clear()
        wanted = sorted(self._wanted)
        if not wanted:
            self._report("no lab has a route: there is no topic to subscribe to")
            return
        _, packet_id = self._client.subscribe([(one, 1) for one in wanted])
        if packet_id is not None:
            self._asked[packet_id] = wanted

    def _on_subscribe(
        self, _client: object, _data: object, packet_id: int, codes: Sequence[Any], _props: object
    ) -> None:
        asked = self._asked.pop(packet_id, [])
        refused = [one for one, code in zip(asked, codes, strict=False) if code.is_failure]
        if refused:
            names = ", ".join(refused)
            self._report(f"{self._place()} refuses the subscription to {names}: see its ACL")
        elif not self._changed:
            self._report("")

    def _on_disconnect(
        self, _client: object, _data: object, _flags: object, reason: Any, _props: object
    ) -> None:
        self._asked.clear()
        if not self._accepted or self._closing:
            return
        self._accepted = False
        if time.monotonic() - self._attempted_s > _SHORT_LIFE_S:
            self._short_lives, self._pause_s = 0, 0.0
        else:
            self._short_lives += 1
        twin = f"; is another client called {self.broker.client_id}?"
        hint = twin if self._short_lives >= _SHORT_LIVES else ""
        self._report(f"{self._place()} closed the connection: {reason}{hint}")

    def _report(self, problem: str) -> None:
        """Log when trouble starts, when its nature changes, and when it ends."""
        if problem == self.problem:
            return
        self.problem = problem
        if problem:
            self._log.warning("broker_unavailable", why=problem)
        else:
            self._log.info("broker_connected", broker=self._place())

    def _place(self) -> str:
        return f"broker {self.broker.host}:{self.broker.port}"


def outermost(filters: Iterable[str]) -> set[str]:
    """The filters that no other one covers: overlapping subscriptions deliver a message twice."""
    unique = set(filters)
    return {
        one for one in unique if not any(covers(other, one) for other in unique if other != one)
    }


def covers(wide: str, narrow: str) -> bool:
    """Whether every topic that `narrow` matches is matched by `wide` too."""
    wide_levels, narrow_levels = wide.split("/"), narrow.split("/")
    for position, level in enumerate(wide_levels):
        if level == "#":
            return True
        if position >= len(narrow_levels):
            return False
        other = narrow_levels[position]
        if other == "#" or (level not in ("+", other)):
            return False
    return len(wide_levels) == len(narrow_levels)


def _longer(pause_s: float) -> float:
    """The next pause: doubled, with a random part, so that a fleet does not come back at once."""
    return min(max(_FIRST_PAUSE_S, 2 * pause_s), _LONGEST_PAUSE_S) * random.uniform(0.8, 1.2)  # noqa: S311


def _read_out(sock: socket.socket, end: float) -> None:
    """Drop what still comes until the other side closes, or until the monotonic time `end`."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            if not sock.recv(65_536):
                return


def _wait(sock: Any, *, wants_write: bool, timeout_s: float) -> tuple[bool, bool]:
    """Whether the socket can be read and written; poll, as select stops at 1024 descriptors."""
    poller = select.poll()
    poller.register(sock, select.POLLIN | (select.POLLOUT if wants_write else 0))
    events = poller.poll(timeout_s * 1000)
    if not events:
        return False, False
    found = events[0][1]
    return bool(found & ~select.POLLOUT), bool(found & select.POLLOUT)
