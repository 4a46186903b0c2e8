"""Everything wrong in a configuration tree, gathered with file, line or row, and key.

Nothing stops at the first mistake: readers and checks add to `Findings` and go on; the caller
raises once, at the end.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from livinglab.errors import ConfigError, Problem

Loc = tuple[str | int, ...]
SpecT = TypeVar("SpecT", bound=BaseModel)
Context = Mapping[str, Any]


class Place(Protocol):
    """Where a piece of configuration comes from."""

    def problem(self, loc: Loc, expected: str) -> Problem | None:
        """The problem at `loc`, relative to this place; None where it is not to be told."""
        ...


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A whole file, or a folder."""

    path: str

    def problem(self, loc: Loc, expected: str) -> Problem:
        """Name the file and the key."""
        return Problem(self.path, "", dotted(loc), expected)


@dataclass(frozen=True, slots=True)
class YamlPlace:
    """A part of a YAML file: `prefix` leads to it, `lines` knows where each key stands."""

    path: str
    lines: Mapping[Loc, int]
    prefix: Loc = ()

    def problem(self, loc: Loc, expected: str) -> Problem:
        """Name the file, the line of the key or of what holds it, and the key."""
        full = self.prefix + loc
        known = next(
            (full[:end] for end in range(len(full), -1, -1) if full[:end] in self.lines), ()
        )
        return Problem(self.path, f"line {self.lines.get(known, 1)}", dotted(full), expected)

    def below(self, *keys: str | int) -> YamlPlace:
        """The place of a part of this part."""
        return YamlPlace(self.path, self.lines, self.prefix + keys)


@dataclass(frozen=True, slots=True)
class RowPlace:
    """A row of a CSV file, numbered as a spreadsheet does: the heading is row 1."""

    path: str
    row: int

    def problem(self, loc: Loc, expected: str) -> Problem:
        """Name the file, the row and the column."""
        return Problem(self.path, f"row {self.row}", dotted(loc), expected)


@dataclass(slots=True)
class Findings:
    """The problems found so far."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, place: Place, loc: Loc, expected: str) -> None:
        """Note one problem."""
        problem = place.problem(loc, expected)
        if problem is not None:
            self.problems.append(problem)

    def raise_if_any(self) -> None:
        """Raise ConfigError with everything found, in the order of files and lines."""
        if self.problems:
            unique = list(dict.fromkeys(self.problems))
            hint = "correct these and run `livinglab check`; nothing was loaded"
            raise ConfigError(sorted(unique, key=_order), hint=hint)

    def parse(
        self, spec: type[SpecT], raw: object, place: Place, context: Context | None = None
    ) -> SpecT | None:
        """Validate one piece; None when it has problems, which are noted."""
        piece = validated(spec, raw, context)
        if isinstance(piece, spec):
            return piece
        for loc, expected in piece if isinstance(piece, list) else ():
            self.add(place, loc, expected)
        return None


def validated(
    spec: type[SpecT], raw: object, context: Context | None = None
) -> SpecT | list[tuple[Loc, str]]:
    """A piece, or what is wrong with it: path and expectation."""
    try:
        return spec.model_validate(raw, context=context)
    except ValidationError as error:
        found = error.errors(include_url=False)
        locs = [_without_tags(details["loc"]) for details in found]
        pairs = zip(locs, found, strict=True)
        return [_named(spec, loc, _expected(details, spec, loc)) for loc, details in pairs]


def _named(spec: type[BaseModel], loc: Loc, told: str) -> tuple[Loc, str]:
    """What a check of a whole piece tells as `key: ...` is told of that key."""
    key, colon, rest = told.partition(": ")
    return ((*loc, key), rest) if colon and key in fields_at(spec, loc) else (loc, told)


def _order(problem: Problem) -> tuple[str, int]:
    digits = "".join(filter(str.isdigit, problem.where))
    return problem.path, int(digits or 0)


def dotted(loc: Loc) -> str:
    """A key path as people write it.

    Examples
    --------
    >>> dotted(("keys", "no2", "unit")), dotted(("limits", 0, "value"))
    ('keys.no2.unit', 'limits[0].value')
    """
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, known: Collection[str]) -> str:
    """`; did you mean 'x'?` where one known word is close, else the known words if they are few.

    Examples
    --------
    >>> nearest("no_2", ["no2", "o3"]), nearest("zzz", ["no2", "o3"])
    ("; did you mean 'no2'?", '; known: no2, o3')
    """
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {folded[close[0]]!r}?"
    return f"; known: {', '.join(sorted(known))}" if 0 < len(known) <= 12 else ""


#: Words for pydantic's error types, where its own text is written for programmers.
_WORDS: Final[Mapping[str, str]] = {
    "missing": "missing",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected text; put it in quotes",
    "dict_type": "expected a mapping of keys to values",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "model_type": "expected a mapping of keys to values",
    "finite_number": "expected a finite number",
}


def _expected(details: ErrorDetails, spec: type[BaseModel], loc: Loc) -> str:
    kind, value = details["type"], details.get("input")
    if kind == "extra_forbidden" and str(loc[-1]).endswith(("token", "password", "secret")):
        return "unknown key: secrets come from the environment or a *_FILE, never from config/"
    if kind == "extra_forbidden":
        return f"unknown key{nearest(str(loc[-1]), fields_at(spec, loc[:-1]))}"
    if kind == "missing":
        return "missing"
    text = _WORDS.get(kind) or details["msg"].removeprefix("Value error, ")
    if text.startswith("Input should be"):
        text = "expected" + text.removeprefix("Input should be")
    is_told = ", got " in text or (kind == "value_error" and isinstance(value, Mapping))
    return text if is_told else f"{text}, got {_shown(value)}"


def _shown(value: object) -> str:
    text = "nothing" if value in (None, "") else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _without_tags(loc: Sequence[str | int]) -> Loc:
    """The path without what pydantic adds for unions and functions."""
    return tuple(part for part in loc if not (isinstance(part, str) and part.endswith("]")))


def fields_at(spec: type[BaseModel], loc: Loc) -> list[str]:
    """Keys that `spec` knows at a path below it; [] where the path leaves what it describes."""
    current: Any = spec
    for part in loc:
        if isinstance(current, type) and issubclass(current, BaseModel):
            found = current.model_fields.get(str(part))
            current = _inner(found.annotation) if found else None
        else:
            current = _inner(current)
    is_spec = isinstance(current, type) and issubclass(current, BaseModel)
    return list(current.model_fields) if is_spec else []


def _inner(annotation: Any) -> Any:
    """The model inside `dict[str, Model]`, `tuple[Model, ...]` or `Model | None`, else itself."""
    for argument in getattr(annotation, "__args__", ()):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
    return annotation
