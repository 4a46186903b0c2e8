"""YAML as configuration means it: data plus the line of every key.

Narrower than YAML 1.1, which turns `no` (nitric oxide) into false, 0344 into a number, 12:30 into
750 and 2025-06-13 into a date: keys are text as written; of unquoted values only true, false, null
and plain decimal numbers are not text.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from livinglab.config.findings import FilePlace, Findings, Loc, YamlPlace

_NUMBER: Final = re.compile(r"[-+]?(0|[1-9]\d*)(\.\d*)?([eE][-+]?\d+)?|[-+]?\.\d+([eE][-+]?\d+)?")
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9]\d*)")
_WORDS: Final[dict[str, bool | None]] = {
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
}
_MAX_DEPTH: Final = 20
_MAX_ENTRIES: Final = 100_000  # aliases of aliases make more out of a few lines


class _TooManyError(Exception):
    """A file that unfolds to more than a configuration can be."""


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str, path: str, findings: Findings) -> tuple[dict[str, Any] | None, YamlPlace]:
    """The mapping that a YAML text holds, and where its keys stand; None when it cannot be read."""
    lines: dict[Loc, int] = {}
    place = YamlPlace(path, lines)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        findings.problems.append(_syntax_problem(error, text, place))
        return None, place
    if node is None:
        return {}, place
    if not isinstance(node, yaml.MappingNode):
        findings.add(FilePlace(path), (), "expected a mapping of keys to values")
        return None, place
    try:
        content = _content(node, (), lines, place, findings)
    except _TooManyError:
        content = None
    return content if isinstance(content, dict) else None, place


def _syntax_problem(error: yaml.YAMLError, text: str, place: YamlPlace) -> Any:
    mark = getattr(error, "problem_mark", None)
    told = getattr(error, "problem", None) or "not readable as YAML"
    if mark and text[mark.index : mark.index + 1] == "\t":
        told = "a tab; indent with spaces"
    return YamlPlace(place.path, {(): mark.line + 1 if mark else 1}).problem((), f"YAML: {told}")


def _content(
    node: yaml.Node, loc: Loc, lines: dict[Loc, int], place: YamlPlace, findings: Findings
) -> Any:
    lines.setdefault(loc, node.start_mark.line + 1)
    if len(lines) > _MAX_ENTRIES:
        findings.add(place, loc[:1], f"more than {_MAX_ENTRIES} entries in a file")
        raise _TooManyError
    if len(loc) > _MAX_DEPTH:
        findings.add(place, loc[:3], "nested too deeply")
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, loc, lines, place, findings)
    if isinstance(node, yaml.SequenceNode):
        return [
            _content(item, (*loc, number), lines, place, findings)
            for number, item in enumerate(node.value)
        ]
    return _scalar(node)


def _mapping(
    node: yaml.MappingNode, loc: Loc, lines: dict[Loc, int], place: YamlPlace, findings: Findings
) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        here = (*loc, key)
        if key in content:
            findings.add(
                place, here, f"written twice, again in line {key_node.start_mark.line + 1}"
            )
            continue
        lines[here] = key_node.start_mark.line + 1
        content[key] = _content(value_node, here, lines, place, findings)
    return content


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    if getattr(node, "style", None):  # quoted, or a block: text, whatever it looks like
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
