"""Bytes of a configuration file as text."""

from __future__ import annotations

from livinglab.config.findings import FilePlace, Findings, RowPlace


def decode_text(raw: bytes, path: str, findings: Findings) -> str | None:
    """The text of a file, with or without byte-order mark; None, noted, when it is not UTF-8."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in raw:
        told = "expected UTF-8, got UTF-16 or bytes that are no text: save it as UTF-8"
        findings.add(FilePlace(path), (), told)
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        told = "expected UTF-8, got another encoding: save it as UTF-8"
        findings.add(RowPlace(path, row), (), told)
        return None
