"""A drawing as SVG text that can stand in a page beside others, and nowhere else needs anything."""

from __future__ import annotations

import hashlib
import io
import warnings
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STRANGE: Final = "\N{REPLACEMENT CHARACTER}"
_SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "http://www.w3.org/1999/xlink"


def svg_of(figure: Figure, title: str) -> str:
    """The figure as an SVG element named `title`; the same drawing gives the same text.

    Ids are unique over all charts of a page, and nothing is left that names an outside address.
    """
    from matplotlib.text import Text  # noqa: PLC0415 - drawing alone needs it

    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a name with $ is a name
        text.set_text(printable(text.get_text()))
    file = io.StringIO()
    with warnings.catch_warnings():
        # The reader's browser has letters that the layout's font lacks; and a drawing that is
        # crowded by a long name is better than none.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    drawn = file.getvalue()
    root = ET.fromstring(drawn)  # noqa: S314 - our own drawing
    for child in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(child)
    _rename_ids(root, f"c{hashlib.sha256(drawn.encode()).hexdigest()[:8]}-")
    root.set("role", "img")
    root.set("aria-label", title)
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    return ET.tostring(root, encoding="unicode")


def printable(text: str) -> str:
    """A text as a drawing can hold it: characters that XML forbids are replaced."""
    return "".join(one if one.isprintable() or one == "\n" else _STRANGE for one in text)


def _rename_ids(root: ET.Element, prefix: str) -> None:
    for element in root.iter():
        for name, value in element.items():
            if name == "id":
                element.set(name, prefix + value)
            elif name == f"{{{_XLINK}}}href" and value.startswith("#"):
                element.set(name, f"#{prefix}{value[1:]}")
            elif "url(#" in value:
                element.set(name, value.replace("url(#", f"url(#{prefix}"))
