"""Texts of others (names, notes, reasons) as pages and Markdown may hold them."""

from __future__ import annotations

import re
from typing import Any, Final

from markupsafe import Markup

_STRANGE: Final = "\N{REPLACEMENT CHARACTER}"
#: Control characters, and those that turn the direction of the text around them.
_HIDDEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
#: What makes links, pictures, emphasis, code, tags or cells in Markdown, wherever it stands.
_MEANT: Final = re.compile(r"[\\`*\[\]<|]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)")
#: Not every reader of Markdown knows that a backslash takes the meaning off these two.
_INSTEAD: Final = {"<": "&lt;", "&": "&amp;"}
#: What makes a heading, list or quotation at the beginning of a line.
_OPENING: Final = re.compile(r"^(\s*)([#>+\-=~]+|\d+[.)])(?=\s|$)")


def visible(value: Any) -> Any:
    r"""The value; of a text without characters that hide or turn around what is written.

    Examples
    --------
    >>> visible("a\x1b[1mb"), visible(3)
    ('a�[1mb', 3)
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        return _HIDDEN.sub(_STRANGE, value)
    return value


def markdown(value: Any) -> Any:
    r"""The value; of a text one line that Markdown shows as it is written, also in a table.

    Examples
    --------
    >>> print(markdown("<b> | [x](y) of no2_daily_mean"))
    &lt;b> \| \[x\](y) of no2_daily_mean
    >>> print(markdown("# Bus & tram"))
    \# Bus & tram
    """
    if isinstance(value, str) and not isinstance(value, Markup):
        line = " ".join(visible(value).split())
        text = _MEANT.sub(lambda found: _INSTEAD.get(found.group(), f"\\{found.group()}"), line)
        return Markup(_OPENING.sub(r"\1\\\2", text))  # noqa: S704 - escaped just now
    return value


def markdown_row(cells: list[Any] | tuple[Any, ...]) -> Markup:
    r"""Cells of a row of a Markdown table.

    Examples
    --------
    >>> print(markdown_row(("a|b", 2)))
    a\|b | 2
    """
    return Markup(" | ".join(str(markdown(cell)) for cell in cells))  # noqa: S704 - escaped
