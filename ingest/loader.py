"""The loader: journal -> points -> arrival versions -> state, in this order and no other.

A *group* is what is loaded between two commits: a second of messages, or while the loader is behind
as many as `Limits` allows. Its points go
out as they are made; when the last is confirmed, the arrival versions are renewed, the position is
noted in `ops`, and one transaction writes cursor, counters and letters. Whatever fails before that
transaction, the whole group is forgotten and done again from the cursor, with the same result: a
crash, a store that is away and a point that the store refuses are one case.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ingest import reingest, replay
from ingest.dedup import Identities
from ingest.intake import BrokenMessageError, Intake
from ingest.jobs import DONE, FAILED, RUNNING, Job, Jobs
from ingest.journal import JournalReader
from ingest.ledger import Ledger, ledger_of
from ingest.logs import logger
from ingest.records import Records
from ingest.retention import Retention
from ingest.series import SeriesMemory
from ingest.state import Cursor, Intent, State, StateError
from ingest.writer import PointWriter
from livinglab.config import from_snapshot
from livinglab.errors import LivingLabError, StoreError, StoreUnavailableError
from livinglab.model import Point, SeriesKey
from livinglab.registry import Registry
from livinglab.store.base import Store
from livinglab.timeline import DAY_NS

POINTS_PER_WRITE: Final = 5_000
MESSAGES_PER_GROUP: Final = 60_000
COMMIT_EVERY_S: Final = 1.0
_BEHIND_S: Final = 4.0  # a loader that is behind commits by number rather than by time, up to this
_LOOK_AHEAD: Final = 32  # batches that one intent covers
_POLL_S: Final = 0.5  # how often an idle loader looks for jobs and for a stop
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 30.0
_LONGEST_ASKED_S: Final = 300.0  # a store that asks for more is asked again after this
_TIDY_EVERY_S: Final = 60.0

log = logger("loader")


class StoppedError(LivingLabError):
    """A long job was cut off because the service stops; it is resumed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a loader holds, and how long it keeps letters."""

    points_per_write: int = POINTS_PER_WRITE
    messages_per_group: int = MESSAGES_PER_GROUP
    commit_every_s: float = COMMIT_EVERY_S
    letters_days: int = 90  # 0 = for ever
    letters_bytes: int = 1_000_000_000  # 0 = no limit


class Loader:
    """Follows a journal and brings what it holds into the store.

    Parameters
    ----------
    journal : JournalReader
        What to follow.
    store : Store
        Where points and records go.
    registry : Registry
        What messages are resolved by.
    state : State
        Cursor, counters, letters; this loader must be its only user that writes them.
    loader_id : str
        Names this loader in `ops`; different for each loader of one store.
    limits : Limits, optional
        Sizes and periods.

    Attributes
    ----------
    trouble : Exception or None
        Why nothing is loaded at present.
    journal_id : str
        The journal that is followed.
    """

    def __init__(
        self,
        journal: JournalReader,
        store: Store,
        registry: Registry,
        state: State,
        loader_id: str,
        *,
        limits: Limits | None = None,
    ) -> None:
        self.journal = journal
        self.journal_id = journal.id
        self.store = store
        self.state = state
        self.id = loader_id
        self.limits = limits or Limits()
        self.records = Records(store, loader_id)
        self.jobs = Jobs(state.connection)
        self.trouble: Exception | None = None
        self.writer = PointWriter(store)
        self.retention = Retention(store)
        self.identities = Identities()
        self.memory = SeriesMemory(state.newest(), self.stored, state.before_images())
        self.intake = self.make_intake(registry, self.memory, self.identities)
        self.cursor = state.cursor(self.journal_id)
        self._counts = state.counts()
        self._head_at_start = journal.head
        self._next: Registry | None = None
        self._begun = False
        self._taken = self._taking = self.cursor.seq  # last batch of the group; and being read
        self._finish = 0  # no commit before this batch: an earlier attempt came that far
        self._intended = 0  # the state knows that points may come from batches up to here
        self._stop = threading.Event()
        self._damaged = 0
        self._wait_s = 0.0
        self._committed_at = self._tidied_at = 0.0

    @property
    def registry(self) -> Registry:
        """The registry that messages are resolved by."""
        return self.intake.registry

    @property
    def is_ready(self) -> bool:
        """Whether nothing but the present group stands between journal and store."""
        return self._begun and self.trouble is None

    @property
    def backlog(self) -> int:
        """Batches in the journal that are not committed yet."""
        return max(self.journal.head - self.cursor.seq, 0)

    def ledger(self) -> Ledger:
        """Both ledgers as of the last commit."""
        return ledger_of(self._counts)

    def use_registry(self, registry: Registry) -> None:
        """Resolve by another registry from the next border of groups on; any thread may call."""
        self._next = registry

    def make_intake(
        self,
        registry: Registry,
        memory: SeriesMemory,
        identities: Identities,
        period: tuple[int, int] | None = None,
    ) -> Intake:
        """An intake for this journal."""
        ahead_s = float(getattr(registry.settings, "clock_ahead_s", 300))
        return Intake(
            registry, memory, identities, journal=self.journal_id, ahead_s=ahead_s, period=period
        )

    def step(self) -> int:
        """Load and commit what the journal holds now, at most a group, and do a job that waits.

        Returns
        -------
        int
            Messages loaded. 0 while the store is in trouble: see `trouble`.
        """
        loaded = 0
        try:
            self._begin()
            self._at_border()
            self._fill()
            loaded = self._commit()
            self._at_border()
        except (LivingLabError, sqlite3.Error) as error:
            self._fail(error)
        return loaded

    def run(self, stop: threading.Event) -> None:
        """Load until `stop` is set; an open group is then committed if the store is there."""
        self._stop = stop
        while not stop.is_set():
            try:
                self._turn()
            except (LivingLabError, sqlite3.Error) as error:
                self._fail(error)
                stop.wait(self._wait_s)
        if self.trouble is None:
            try:
                self._commit()
            except (LivingLabError, sqlite3.Error) as error:
                self._fail(error)

    def close(self) -> None:
        """End the writing thread; store, journal and state stay open."""
        self.writer.close()

    def stored(self, series: SeriesKey, start_ns: int, end_ns: int) -> Iterable[Point]:
        """What the store holds of a series in `raw`, once everything that was made is there."""
        self.post()
        self.writer.settle()
        device, channel = series.tags
        tags = {"device": device, "channel": channel}
        return self.store.points("raw", series.measurement, start_ns, end_ns, tags)

    def post(self) -> None:
        """Hand the points made so far to the writer, after the state knows of them."""
        points, late = self.memory.take()
        if not points:
            return
        intent = None
        if self._taking > self._intended:
            self._intended = self._taking + _LOOK_AHEAD
            intent = Intent(self._intended, self.registry.version)
        if intent is not None or late:
            self.state.intend(self.journal_id, intent, late)
        self.writer.put(points)

    def confirm(self) -> bool:
        """Wait for all points, then renew the versions of the hours they are in.

        Returns
        -------
        bool
            False if the store refused points: they are noted, the group must be done again.
        """
        self.post()
        self.writer.settle()
        refused = {(one.point.series, one.point.time_ns) for one in self.writer.refused}
        if refused:
            for one in self.writer.refused[:3]:
                log.warning("point refused", series=str(one.point.series), reason=one.reason)
            self.roll_back({*refused, *self.memory.refused})
            return False
        self.records.write_arrivals(self.memory.hours)
        return True

    def settle(self, counts: dict[tuple[str, str, str, str], int]) -> None:
        """The state has committed: so do the memories."""
        self.memory.settle()
        self.identities.settle(self.intake.number)
        self.intake.broken = ()
        total = dict(self._counts)  # other threads read the old one
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
        self._counts = total
        self._committed_at = time.monotonic()
        self._recover()

    def require_running(self) -> None:
        """For long jobs: raise StoppedError when the loader is to stop."""
        if self._stop.is_set():
            raise StoppedError("the service stops; the job goes on when it starts again")

    def roll_back(self, refused: Iterable[tuple[SeriesKey, int]] = ()) -> None:
        """Forget the open group as a crash would; the journal has it."""
        self.writer.abandon()
        self.memory.roll_back(self.state.before_images(), set(refused))
        self.identities.roll_back()
        self.intake.roll_back(self.cursor.number)
        self._taken = self._taking = self.cursor.seq
        self._resume(self.state.intent(self.journal_id), self.journal.head)

    def _resume(self, intent: Intent | None, head: int) -> None:
        """How far the next group must reach, because an earlier attempt came that far."""
        self._intended = intent.seq if intent is not None else self.cursor.seq
        self._finish = min(self._intended, head) if self._intended > self.cursor.seq else 0

    def _turn(self) -> None:
        """One round of `run`: fill the open group, commit it when its time has come."""
        self._begin()
        self._fill()
        left_s = self._committed_at + self.limits.commit_every_s - time.monotonic()
        if left_s <= 0 or self.intake.group.messages >= self.limits.messages_per_group:
            self._commit()
            self._at_border()
            left_s = _POLL_S
        else:
            self.post()
        if not self._stop.is_set():
            self.journal.wait(self._taken, max(min(left_s, _POLL_S), 0.0))

    def _at_border(self) -> None:
        """Between two groups: another registry, jobs, what is due now and then."""
        if self._taken != self.cursor.seq or self._finish:
            return
        self._change_registry()
        for job in self.jobs.open():
            if self._may_run(job):
                self._do(job)
                break
        self._tidy()
        self._recover()

    def _fill(self) -> None:
        """Take batches until the journal ends, the group is full, or its time is up."""
        ends = time.monotonic() + max(self.limits.commit_every_s, _BEHIND_S)
        while not self._fill_until(ends):
            pass

    def _fill_until(self, ends: float) -> bool:
        """The same up to a monotonic time; False where a message broke it: now without that one."""
        for batch in self.journal.batches(self._taken):
            self._taking = batch.seq
            try:
                self.intake.take(batch)
            except BrokenMessageError as error:
                self.roll_back(self.memory.refused)
                self.intake.broken = {*self.intake.broken, error.place}
                return False
            self._taken = batch.seq
            if len(self.memory.points) >= self.limits.points_per_write:
                self.post()
            full = self.intake.group.messages >= self.limits.messages_per_group
            late = time.monotonic() >= ends or self._stop.is_set()
            if (full or late) and self._taken >= self._finish:
                return True
        return True

    def _commit(self) -> int:
        """Points, arrival versions, position, state; messages committed."""
        if self._taken == self.cursor.seq:
            return 0
        while not self.confirm():
            self._fill()
        messages = self.intake.group.messages
        self.records.write_position(self.journal_id, self._taken, self.registry.version)
        cursor = Cursor(self._taken, self.intake.number)
        commit = self.intake.commit(cursor)
        self._count_damage(commit.counts)
        self.state.commit(commit)
        self.cursor = cursor
        self._finish, self._intended = 0, cursor.seq
        self.settle(commit.counts)
        return messages

    def _begin(self) -> None:
        """What a start needs of the store: snapshot, refill, what an earlier process left open."""
        if self._begun:
            return
        self._taken = self._taking = self.cursor.seq
        self._finish_under_old_registry()
        self.records.write_registry(self.registry, time.time_ns())
        reingest.refill(self)
        tail = self.state.tail(self.journal_id, self.cursor.number - self.identities.window)
        self.intake.number = tail.number
        for batch in self.journal.batches(tail.seq):
            if batch.seq > self.cursor.seq:
                break
            self.intake.remember(batch)
        self.intake.number = self.cursor.number
        self.identities.settle(self.cursor.number)
        self._begun = True
        log.info("loader begins", after=self.cursor.seq, registry=self.registry.version)

    def _finish_under_old_registry(self) -> None:
        """A group that a crash cut off is finished under the registry that it was begun with."""
        intent = self.state.intent(self.journal_id)
        self._resume(intent, self._head_at_start)
        if intent is None or not self._finish or intent.registry == self.registry.version:
            return
        body = self.records.registry(intent.registry)
        if body is None:
            log.warning("registry of an unfinished group is gone", version=intent.registry)
            return
        self._next = self._next or self.registry
        self.intake.use(from_snapshot(body, self.registry.settings))

    def _change_registry(self) -> None:
        registry = self._next
        if registry is None:
            return
        if registry.version != self.registry.version:
            self.records.write_registry(registry, time.time_ns())
            self.records.write_position(self.journal_id, self.cursor.seq, registry.version)
            self.intake.use(registry)
            log.info("registry changed", version=registry.version)
        if self._next is registry:
            self._next = None

    def _may_run(self, job: Job) -> bool:
        version, device = job.arguments.get("registry"), job.arguments.get("adopted")
        if version and version != self.registry.version and job.state != RUNNING:
            return False
        return not device or device in self.registry.history

    def _do(self, job: Job) -> None:
        self.jobs.mark(job, RUNNING, job.result)
        work = {"replay": replay.run_replay, "reingest": reingest.run_reingest}[job.kind]
        try:
            result = work(self, job)
        except (StoreError, StoppedError):
            raise
        except LivingLabError as error:
            self.roll_back()
            self.jobs.mark(job, FAILED, {"error": error.message, "hint": error.hint})
            log.warning("job failed", job=job.id, kind=job.kind, error=error.message)
        else:
            self.jobs.mark(job, DONE, result)
            log.info("job done", job=job.id, kind=job.kind, **result)
        self._counts = self.state.counts()

    def _tidy(self) -> None:
        """Now and then: forget outcomes, letters and raw data beyond their retention."""
        if time.monotonic() - self._tidied_at < _TIDY_EVERY_S:
            return
        self._tidied_at = time.monotonic()
        self.state.prune(self.journal_id, self.journal.oldest)
        days = self.limits.letters_days
        before_ns = time.time_ns() - days * DAY_NS if days else 0
        self.state.expire_letters(before_ns, self.limits.letters_bytes)
        raw_days = int(getattr(self.registry.settings, "raw_retention_days", 0))
        if self.retention.expire(raw_days, time.time_ns()):
            log.info("raw data expired", older_than_days=raw_days)
        self._counts = self.state.counts()

    def _count_damage(self, counts: dict[tuple[str, str, str, str], int]) -> None:
        """Messages in batches of the journal that cannot be read: named once, counted."""
        damages = list(self.journal.damage.values())
        for damage in damages[self._damaged :]:
            log.error("journal damaged", path=str(damage.path), batch=damage.seq, why=damage.why)
            name = ("unreadable", "", "", "")
            counts[name] = counts.get(name, 0) + max(damage.messages, 0)
        self._damaged = len(damages)

    def _fail(self, error: Exception) -> None:
        """Roll back, say what is wrong once, wait longer each time or as the store asks."""
        self.roll_back()
        if isinstance(error, StoppedError):
            return
        if isinstance(error, sqlite3.Error):
            error = StateError(self.state.path, error)
        if type(self.trouble) is not type(error):
            log.error(_events(error)[0], error=str(error), after=self.cursor.seq)
        self.trouble = error
        if getattr(error, "transient", False):
            self._wait_s = min(max(2 * self._wait_s, _FIRST_WAIT_S), _LONGEST_WAIT_S)
        else:
            self._wait_s = _LONGEST_WAIT_S
        asked = error.retry_after_s if isinstance(error, StoreUnavailableError) else None
        self._wait_s = max(self._wait_s, min(asked or 0.0, _LONGEST_ASKED_S))

    def _recover(self) -> None:
        if self.trouble is not None:
            log.info(_events(self.trouble)[1], backlog=self.backlog)
        self.trouble = None
        self._wait_s = 0.0


def _events(error: Exception) -> tuple[str, str]:
    """What the log says when such trouble starts, and when it ends."""
    if isinstance(error, StoreError):
        return "store unavailable", "store available again"
    return "loader state unavailable", "loader state available again"
