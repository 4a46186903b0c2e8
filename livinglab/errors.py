"""The one exception tree.

::

    LivingLabError                what, where, what to do; `transient`: a retry can help
    +-- ConfigError               configuration or registry is wrong; carries every `Problem` found
    +-- DecodeError               a payload that cannot become readings; carries a `Reason`
    +-- UnitError                 a unit that is unknown or does not fit its quantity
    +-- DataError                 data that a computation must refuse (frame, units, coverage)
    +-- JournalError              the journal cannot take or give messages
    |   +-- JournalFullError      quota reached: nothing is acknowledged until there is room
    +-- StoreError                the store said no
    |   +-- StoreUnavailableError (transient) unreachable, overloaded, timed out; `retry_after_s`
    |   +-- StoreAuthError        wrong or missing token, or no permission
    |   +-- StoreMissingError     bucket, organisation or file does not exist
    |   +-- StoreConflictError    a field has another type than the schema says
    +-- PipelineError             a window cannot be computed
        +-- OvertakenError        (transient) another run has claimed the window
        +-- LockedError           (transient) another process holds the lab's lock
        +-- FrozenError           the window reaches before the raw horizon
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class LivingLabError(Exception):
    """Base of all errors of this product.

    Parameters
    ----------
    message : str
        What is wrong and where.
    hint : str, optional
        What the user can do about it; shown on a line of its own.
    """

    transient: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  -> {self.hint}" if self.hint else self.message


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in the configuration: file, line or row, key, what was expected."""

    path: str
    where: str
    key: str
    expected: str

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.path, self.where, self.key) if part)
        return f"{place}: {self.expected}"


class ConfigError(LivingLabError):
    """All problems of one configuration tree, reported at once."""

    def __init__(self, problems: Sequence[Problem], *, hint: str = "") -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        super().__init__(f"{count} {noun} in the configuration:\n{lines}", hint=hint)


class Reason(StrEnum):
    """Why a message or a reading did not become a point: metric label and dead-letter reason."""

    NOT_CLAIMED = "not_claimed"  # no route has this topic
    TOO_LARGE = "too_large"  # payload over the limit
    TOO_DEEP = "too_deep"  # nesting over the limit
    TOO_MANY = "too_many"  # more readings in a message than allowed
    SYNTAX = "syntax"  # not JSON, not UTF-8, truncated, wrong container type
    FORMAT = "format"  # well-formed, but against the rules of its format
    VALUE = "value"  # not a finite number where one must be
    TIME = "time"  # a time that is present but impossible
    CLOCK = "clock"  # before the device's first row, or more than five minutes ahead
    DEVICE = "device"  # no device id, or topic and body name different ones
    WRONG_LAB = "wrong_lab"  # the topic belongs to another lab than the device
    UNKNOWN_DEVICE = "unknown_device"  # quarantine: not in the registry
    OUTSIDE_VALIDITY = "outside_validity"  # quarantine: no registry row covers the time
    UNMAPPED = "unmapped"  # the model has no row for this key
    UNIT = "unit"  # a unit that does not fit the quantity
    SENTINEL = "sentinel"  # the model's code for "no value"
    IMPLAUSIBLE = "implausible"  # outside the model's physical range
    NO_VALUE = "no_value"  # null, blank or state text where a value could be
    RETAINED = "retained"  # a retained message without own time is no new observation
    REFUSED = "refused"  # the store refused this one point


class DecodeError(LivingLabError):
    """A payload that cannot become readings; the message goes to the dead letters."""

    def __init__(self, reason: Reason, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class UnitError(LivingLabError):
    """A unit that is unknown or does not fit its quantity."""


class DataError(LivingLabError):
    """Data that a computation must refuse."""


class JournalError(LivingLabError):
    """The journal cannot take or give messages."""


class JournalFullError(JournalError):
    """The journal's quota is reached; nothing is acknowledged until there is room."""

    transient = True


class StoreError(LivingLabError):
    """The store said no."""


class StoreUnavailableError(StoreError):
    """The store cannot be reached or is overloaded; waiting helps."""

    transient = True

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class StoreAuthError(StoreError):
    """Wrong or missing token, or a token without the permission."""


class StoreMissingError(StoreError):
    """A bucket, an organisation or a file that does not exist."""


class StoreConflictError(StoreError):
    """A field that exists with another type than the schema says."""


class PipelineError(LivingLabError):
    """A window cannot be computed."""


class OvertakenError(PipelineError):
    """Another run has claimed the window; this one stops without writing further."""

    transient = True


class LockedError(PipelineError):
    """Another process holds the lab's lock."""

    transient = True


class FrozenError(PipelineError):
    """The window's inputs reach before the raw horizon; it is never recomputed."""
