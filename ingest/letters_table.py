"""The table of letters in the loader's state: add, find, remove, expire, group by device.

Nothing here opens a transaction: the state does, so that letters and counters change together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from ingest.letters import Kind, Letter, Waiting, kind_of, span_of
from livinglab.errors import Reason
from livinglab.model import Message, Reading

LETTER_SCHEMA: Final = """
CREATE TABLE letter (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, journal TEXT NOT NULL, seq INTEGER NOT NULL,
  position INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, device TEXT NOT NULL,
  lab TEXT NOT NULL, decoder TEXT NOT NULL, positions TEXT, counted INTEGER NOT NULL,
  sample TEXT NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, topic TEXT NOT NULL,
  payload BLOB NOT NULL, received_ns INTEGER NOT NULL, packet_id INTEGER NOT NULL,
  qos INTEGER NOT NULL, dup INTEGER NOT NULL, retain INTEGER NOT NULL
);
CREATE UNIQUE INDEX letter_place ON letter (journal, seq, position, kind, device, reason);
CREATE INDEX letter_device ON letter (kind, device, reason);
CREATE INDEX letter_age ON letter (received_ns);
"""
#: What a row takes beside its payload and topic, in bytes, for the quota.
_ROW_BYTES: Final = 512
_SIZE: Final = f"length(payload) + length(topic) + length(sample) + {_ROW_BYTES}"
_COLUMNS: Final = (
    "kind, journal, seq, position, reason, detail, device, lab, decoder, positions, counted,"
    " sample, first_ns, last_ns, topic, payload, received_ns, packet_id, qos, dup, retain"
)
_DETAIL: Final = 500  # characters of a reason that are kept
_SAMPLE: Final = 20
_TOPICS: Final = 5

_samples: Final = msgspec.json.Decoder(tuple[Reading, ...])


class Letters:
    """Dead letters and quarantine of one loader.

    Parameters
    ----------
    connection : sqlite3.Connection
        Of the loader's state.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, letters: Iterable[Letter]) -> None:
        """Add letters; one for the same place, device and reason is replaced."""
        marks = ", ".join("?" * 21)
        self._connection.executemany(
            f"INSERT OR REPLACE INTO letter ({_COLUMNS}) VALUES ({marks})", map(_row, letters)
        )

    def get(self, letter_id: int) -> Letter | None:
        """One letter by its number."""
        return next(self._select("id = ?", (letter_id,)), None)

    def find(
        self,
        kind: Kind,
        *,
        device: str | None = None,
        reason: str | None = None,
        after: int = 0,
        limit: int = 1_000,
    ) -> list[Letter]:
        """Letters in order of their number, those above `after` only."""
        where, values = "kind = ? AND id > ?", [str(kind), after]
        if device is not None:
            where, values = f"{where} AND device = ?", [*values, device]
        if reason is not None:
            where, values = f"{where} AND reason = ?", [*values, reason]
        return list(self._select(f"{where} ORDER BY id LIMIT {int(limit)}", values))

    def at(self, place: tuple[str, int, int]) -> list[Letter]:
        """All letters of one message."""
        return list(self._select("journal = ? AND seq = ? AND position = ? ORDER BY id", place))

    def remove(self, ids: Sequence[int]) -> None:
        """Remove letters by number."""
        self._connection.executemany("DELETE FROM letter WHERE id = ?", ((one,) for one in ids))

    def release(self, places: Iterable[tuple[str, int, int]]) -> None:
        """The messages at these places no longer count as dead or waiting: readings were stored."""
        self._connection.executemany(
            "UPDATE letter SET counted = 0 WHERE journal = ? AND seq = ? AND position = ?", places
        )

    def messages(self, kind: Kind) -> int:
        """How many messages are held that count as dead, or as quarantined."""
        query = (
            "SELECT count(*) FROM (SELECT DISTINCT journal, seq, position FROM letter"
            " WHERE kind = ? AND counted = 1)"
        )
        return int(self._connection.execute(query, (kind,)).fetchone()[0])

    def tally(self, kind: Kind) -> list[tuple[str, str, str, int, int, int]]:
        """Lab, device, reason, letters, first and last receipt in ns; most letters first."""
        query = (
            "SELECT lab, device, reason, count(*), min(received_ns), max(received_ns) FROM letter"
            " WHERE kind = ? GROUP BY lab, device, reason ORDER BY 4 DESC, 1, 2, 3"
        )
        return list(self._connection.execute(query, (kind,)))

    def waiting(self, device: str | None = None) -> list[Waiting]:
        """The devices in quarantine, with everything needed to register them."""
        where, values = ("AND device = ?", (device,)) if device is not None else ("", ())
        query = (
            "SELECT device, reason, lab, decoder, count(*), min(first_ns), max(last_ns), max(id)"
            f" FROM letter WHERE kind = '{Kind.QUARANTINE}' {where}"
            " GROUP BY device, reason, lab, decoder ORDER BY lab, device, reason"
        )
        groups = self._connection.execute(query, values).fetchall()
        return [self._waiting(group) for group in groups]

    def expire(self, before_ns: int, quota_bytes: int) -> dict[str, int]:
        """Remove what is older than `before_ns` and then the oldest above the quota.

        Returns
        -------
        dict of str to int
            Per kind: messages that counted and are no longer held.
        """
        held = {kind: self.messages(kind) for kind in Kind}
        self._connection.execute("DELETE FROM letter WHERE received_ns < ?", (before_ns,))
        size = self._connection.execute(f"SELECT total({_SIZE}) FROM letter").fetchone()[0]
        if quota_bytes and size > quota_bytes:
            self._connection.execute(
                "DELETE FROM letter WHERE id IN (SELECT id FROM (SELECT id,"
                f" sum({_SIZE}) OVER (ORDER BY received_ns DESC, id DESC) AS above FROM letter)"
                " WHERE above > ?)",
                (quota_bytes,),
            )
        return {str(kind): count - self.messages(kind) for kind, count in held.items()}

    def _waiting(self, group: tuple[str, str, str, str, int, int, int, int]) -> Waiting:
        device, reason, lab, decoder, letters, first_ns, last_ns, newest = group
        topics = self._connection.execute(
            "SELECT DISTINCT topic FROM letter WHERE kind = ? AND device = ? AND reason = ?"
            " ORDER BY topic LIMIT ?",
            (Kind.QUARANTINE, device, reason, _TOPICS),
        )
        letter = self.get(newest)
        return Waiting(
            device,
            Reason(reason),
            lab,
            decoder,
            letters,
            first_ns,
            last_ns,
            tuple(row[0] for row in topics),
            letter.sample if letter is not None else (),
        )

    def _select(self, where: str, values: Sequence[object]) -> Iterator[Letter]:
        query = f"SELECT {_COLUMNS}, id FROM letter WHERE {where}"
        for row in self._connection.execute(query, values).fetchall():
            yield _letter(row)


def _row(letter: Letter) -> tuple[object, ...]:
    message = letter.message
    first_ns, last_ns = span_of(message, letter.sample)
    positions = None if letter.positions is None else msgspec.json.encode(letter.positions).decode()
    return (
        kind_of(letter.reason),
        *letter.place,
        letter.reason,
        letter.detail[:_DETAIL],
        letter.device,
        letter.lab,
        letter.decoder,
        positions,
        int(letter.counted),
        msgspec.json.encode(letter.sample[:_SAMPLE]).decode(),
        first_ns,
        last_ns,
        message.topic,
        message.payload,
        message.received_ns,
        message.packet_id,
        message.qos,
        int(message.dup),
        int(message.retain),
    )


def _letter(row: Sequence[object]) -> Letter:
    (
        _, journal, seq, index, reason, detail, device, lab, decoder, positions, counted, sample,
        _, _, topic, payload, received_ns, packet_id, qos, dup, retain, letter_id,
    ) = row  # fmt: skip
    message = Message(topic, payload, received_ns, packet_id, qos, bool(dup), bool(retain))  # type: ignore[arg-type]  # typed by the schema
    return Letter(
        journal, seq, index, message, Reason(str(reason)), detail, device, lab, decoder,  # type: ignore[arg-type]  # same
        None if positions is None else tuple(msgspec.json.decode(str(positions))),
        bool(counted), _samples.decode(str(sample)), letter_id,  # type: ignore[arg-type]  # same
    )  # fmt: skip
