"""Where points live: one Protocol, InfluxDB 2.x for service, SQLite embedded.

`open_store` chooses by the address. Times are UTC ns since 1970 everywhere; windows are half-open.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from livinglab.errors import ConfigError, Problem
from livinglab.store.base import BUCKETS, SCHEMA, Rejected, Replaced, Store, Tags

__all__ = ["BUCKETS", "SCHEMA", "Rejected", "Replaced", "Store", "Tags", "open_store"]

_HINT = 'as "influxdb://host:8086?org=livinglab&tls=1" or "sqlite:///store"'
_OPTIONS = {"sqlite": {"prefix"}, "influxdb": {"prefix", "org", "tls", "ca"}}


def _refuse(url: str, expected: str) -> ConfigError:
    # Whatever stands before an @ or in a query may be a secret: show the host only.
    scheme, _, rest = url.partition("://")
    shown = f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"
    return ConfigError([Problem("", f"store {shown!r}", "store", expected)], hint=_HINT)


def _has_port(parts: SplitResult) -> bool:
    """Whether the port, where one is given, is a number of 16 bits."""
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _options(url: str, parts: SplitResult) -> dict[str, str]:
    if parts.username or parts.password:
        raise _refuse(url, "no credentials in the address: give LIVINGLAB_STORE_TOKEN(_FILE)")
    given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = sorted(given.keys() - _OPTIONS[parts.scheme])
    if unknown:
        known = ", ".join(sorted(_OPTIONS[parts.scheme]))
        raise _refuse(url, f"unknown option {', '.join(unknown)}; known: {known}")
    prefix = given.get("prefix", "")
    if not all(character.isalnum() or character in "-_." for character in prefix):
        raise _refuse(url, "a prefix of letters, digits, '-', '_' and '.'")
    return given


def open_store(url: str, *, token: str | None = None, state_dir: Path | None = None) -> Store:
    """Open the store at an address, without connecting yet.

    Parameters
    ----------
    url : str
        "influxdb://host:port?org=name", with options `tls=1` (HTTPS), `ca=/path.pem` (the authority
        that signed the server's certificate) and `prefix=` (put before each bucket's name); or
        "sqlite:///folder" (relative to `state_dir`), "sqlite:////absolute/folder".
    token : str, optional
        InfluxDB token; never part of the address.
    state_dir : Path, optional
        What a relative SQLite folder is relative to; default: the working directory.

    Raises
    ------
    ConfigError
        The address is wrong.
    """
    parts = urlsplit(url)
    if parts.scheme not in _OPTIONS:
        raise _refuse(url, 'an address that starts with "influxdb://" or "sqlite:///"')
    options = _options(url, parts)
    if parts.scheme == "sqlite":
        if parts.netloc or len(parts.path) < 2:
            raise _refuse(url, 'three slashes and a folder: "sqlite:///store"')
        from livinglab.store.sqlite import SqliteStore

        folder = (state_dir or Path()) / parts.path.removeprefix("/")
        return SqliteStore(url, folder, options.get("prefix", ""))
    if not parts.hostname or not _has_port(parts) or "org" not in options:
        raise _refuse(url, "a host, a port if it is not 8086, and an organisation (?org=name)")
    from livinglab.store.influx import InfluxStore

    return InfluxStore(url, token=token or "")
