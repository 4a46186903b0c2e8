"""Housekeeping of the service: files that tell others about it, and the watch for silence."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Final

from ingest.client import Broker
from ingest.logs import logger
from ingest.subscriber import Subscriber
from livinglab.timeline import to_text

_STATUS: Final = "ingest.json"
_SUBSCRIPTIONS: Final = "subscriptions.json"
_SILENCE_S: Final = 600.0  # connected and nothing comes: twice the interval of slow fleets
_TIDY_EVERY_S: Final = 60.0


class House:
    """Writes `ingest.json` (process, address of HTTP) and `subscriptions.json`; notices silence.

    Parameters
    ----------
    state_dir : Path
        Where the files go.
    subscriber : Subscriber
        Who is watched.
    url : str
        Where /metrics is.
    journal : str
        Id of the journal.
    """

    def __init__(self, state_dir: Path, subscriber: Subscriber, url: str, journal: str) -> None:
        self.url = url
        self._state_dir = state_dir
        self._subscriber = subscriber
        self._log = logger("house")
        self._written: set[str] = set()
        self._started_s = time.time()
        self._tidied_s = 0.0
        self._silent = False
        started = to_text(time.time_ns())
        status = {"pid": os.getpid(), "http": url, "journal": journal, "started": started}
        _write(state_dir / _STATUS, status)

    def look(self) -> None:
        """Note changed subscriptions, and silence when it starts and when it ends."""
        held = self._subscriber.subscriptions
        if held != self._written:
            self._written = held
            broker = self._subscriber.broker
            content = {"session": _session(broker), "subscriptions": sorted(held)}
            _write(self._state_dir / _SUBSCRIPTIONS, content)
        silent = self._silence_s() > _SILENCE_S and self._subscriber.connected
        if silent and not self._silent:
            self._log.warning("silence", why=self._silence())
        elif self._silent and not silent:
            self._log.info("silence_ended")
        self._silent = silent

    def notes(self) -> list[str]:
        """What an operator should know although messages can flow."""
        return [self._silence()] if self._silent else []

    def is_time_to_tidy(self) -> bool:
        """Whether a minute has passed since the last True."""
        now = time.monotonic()
        if now - self._tidied_s < _TIDY_EVERY_S:
            return False
        self._tidied_s = now
        return True

    def close(self) -> None:
        """Remove what says that the service runs."""
        (self._state_dir / _STATUS).unlink(missing_ok=True)

    def _silence_s(self) -> float:
        return time.time() - max(self._subscriber.last_message_ns / 1e9, self._started_s)

    def _silence(self) -> str:
        return (
            f"connected, but no message for {self._silence_s() / 60:.0f} minutes: do the sensors"
            " publish, and do the routes of the labs match their topics?"
        )


def read_subscriptions(state_dir: Path, broker: Broker) -> set[str]:
    """What an earlier run subscribed to in the same session; empty where nothing is known."""
    try:
        content = json.loads((state_dir / _SUBSCRIPTIONS).read_text(encoding="utf-8"))
        return set(content["subscriptions"]) if content["session"] == _session(broker) else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _session(broker: Broker) -> str:
    return f"{broker.client_id}@{broker.host}:{broker.port}"


def _write(path: Path, content: object) -> None:
    """Replace a file whole; a full disk must not stop the service."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        logger("house").warning("file_not_written", path=str(path), why=error.strerror)
