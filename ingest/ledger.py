"""The two ledgers: where every message and every reading ended.

Messages: published = stored + duplicate + without readings + quarantined + dead. A message is

- *stored* if at least one of its values was written,
- a *duplicate* if it came before (`ingest.dedup`), or if all its values repeat what is stored,
- *without readings* if it legally has none, or if every reading was rejected,
- *quarantined* or *dead* as `ingest.letters` says; a replay moves it.

Readings: produced = stored + repeated + corrected + rejected, of all messages that are neither
duplicates by identity nor waiting. A reading is *stored* if its key (device, channel, quantity,
time) was new, *repeated* if the same value was there, *corrected* if another value was: one of the
two gave way. So the store holds exactly `stored - withdrawn` values, where `withdrawn` is what
`reingest` deleted before it loaded the journal again. `ingest.series` says how that stays exact
over restarts, and the one case where it cannot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ingest.letters import Kind
from ingest.state import Counts, State, has_state, state_path

STORED: Final = ord("S")
DUPLICATE: Final = ord("D")
EMPTY: Final = ord("N")
QUARANTINED: Final = ord("Q")
DEAD: Final = ord("X")
#: Code of a message in `State.outcome` -> its name in the ledger of messages.
OUTCOMES: Final[Mapping[int, str]] = {
    STORED: "stored",
    DUPLICATE: "duplicate",
    EMPTY: "without readings",
    QUARANTINED: "quarantined",
    DEAD: "dead",
}
CODES: Final[Mapping[str, int]] = {name: code for code, name in OUTCOMES.items()}
READINGS: Final = ("stored", "repeated", "corrected", "rejected")


@dataclass(frozen=True, slots=True)
class Ledger:
    """Both ledgers at one moment.

    Parameters
    ----------
    messages : mapping of str to int
        Messages by where they ended (`OUTCOMES`).
    messages_total : int
        Messages that the loader took from the journal, counted by itself.
    readings : mapping of str to int
        Readings by where they ended; rejected ones as "rejected: <reason>".
    readings_produced : int
        Readings that decoders gave, counted by itself.
    withdrawn : int
        Values that `reingest` deleted.
    expired : mapping of str to int
        Dead and quarantined messages that retention or quota removed; still counted above.
    unreadable : int
        Messages in damaged batches of the journal; not in `messages_total`.
    devices : mapping of str to mapping
        Per device: readings by where they ended.
    """

    messages: Mapping[str, int]
    messages_total: int
    readings: Mapping[str, int]
    readings_produced: int
    withdrawn: int = 0
    expired: Mapping[str, int] = field(default_factory=dict)
    unreadable: int = 0
    devices: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def is_balanced(self) -> bool:
        """Whether both sums are exact."""
        return (
            sum(self.messages.values()) == self.messages_total
            and sum(self.readings.values()) == self.readings_produced
        )


def ledger_of(counts: Counts) -> Ledger:
    """The ledgers that counters (`State.counts`) add up to."""
    total: Counter[str] = Counter()
    messages: Counter[str] = Counter(dict.fromkeys(OUTCOMES.values(), 0))
    readings: Counter[str] = Counter(dict.fromkeys(READINGS[:-1], 0))
    devices: dict[str, Counter[str]] = {}
    for (name, device, reason, _), value in counts.items():
        total[name] += value
        if name.startswith("message:"):
            messages[name.removeprefix("message:")] += value
        elif name.startswith("reading:"):
            end = name.removeprefix("reading:")
            end = f"{end}: {reason}" if reason else end
            readings[end] += value
            devices.setdefault(device, Counter())[end] += value
    return Ledger(
        messages={name: messages[name] for name in OUTCOMES.values()},
        messages_total=total["published"],
        readings=dict(readings),
        readings_produced=total["produced"],
        withdrawn=total["withdrawn"],
        expired={kind: total[f"{kind}_expired"] for kind in Kind},
        unreadable=total["unreadable"],
        devices=devices,
    )


def read_ledger(state_dir: Path) -> Ledger:
    """The ledgers of the loader whose state is in `state_dir`; all zero before its first start."""
    if not has_state(state_dir):
        return ledger_of({})
    state = State(state_path(state_dir))
    try:
        return ledger_of(state.counts())
    finally:
        state.close()
