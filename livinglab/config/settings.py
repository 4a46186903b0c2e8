"""Settings of an installation: livinglab.yaml, overridden by the environment; secrets apart."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from livinglab.config.findings import FilePlace, Findings, Place
from livinglab.config.text_source import decode_text
from livinglab.config.values import Spec, Text, Whole, Zone
from livinglab.config.yaml_source import parse_yaml
from livinglab.errors import ConfigError, Problem
from livinglab.timeline import parse_instant

PREFIX: Final = "LIVINGLAB_"
FILE_NAME: Final = "livinglab.yaml"


def _address(value: str, schemes: tuple[str, ...]) -> str:
    parts = urlsplit(value)
    # What is refused here is never shown: it may hold the secret.
    if "@" in parts.netloc:
        raise ValueError("expected no user or password in an address, got one: logs would show it")
    if any(word in parts.query.lower() for word in ("token=", "password=", "secret=")):
        raise ValueError("expected no secret in an address, got one: logs would show it")
    if parts.scheme not in schemes:
        known = ", ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"expected an address with {known}, got {value!r}")
    if parts.scheme != "sqlite" and not parts.hostname:
        raise ValueError(f"expected a host in the address, got {value!r}")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"expected a port from 0 to 65535, got {value!r}") from error
    return value


def _store_address(value: str) -> str:
    return _address(value, ("sqlite", "influxdb"))


def _broker_address(value: str) -> str:
    return _address(value, ("mqtt", "mqtts"))


def _moment(value: str) -> str:
    if value:
        parse_instant(value)
    return value


Port = Annotated[Whole, Field(ge=0, le=65_535)]


class Settings(Spec):
    """livinglab.yaml; every key may be overridden by LIVINGLAB_<KEY>, unless that is empty."""

    store: Annotated[str, AfterValidator(_store_address)] = "sqlite:///store"
    state_dir: Path = Path("state")
    broker: Annotated[str, AfterValidator(_broker_address)] = "mqtt://127.0.0.1:1883"
    broker_username: str = ""
    client_id: Annotated[Text, Field(max_length=128)] = "livinglab-ingest"
    share_group: Annotated[str, Field(pattern=r"^[^/+#]*$")] = ""
    keepalive_s: Annotated[Whole, Field(ge=5, le=3_600)] = 30
    timezone: Zone = "Europe/Amsterdam"
    raw_retention_days: Annotated[Whole, Field(ge=0)] = 0
    journal_retention_days: Annotated[Whole, Field(ge=0)] = 90
    journal_quota_mb: Annotated[Whole, Field(ge=1)] = 4096
    clock_ahead_s: Annotated[Whole, Field(ge=0)] = 300
    max_payload_bytes: Annotated[Whole, Field(ge=64, le=16_777_216)] = 262_144
    http_host: Text = "127.0.0.1"
    http_port: Port = 9465
    now: Annotated[str, AfterValidator(_moment)] = ""

    @property
    def now_ns(self) -> int:
        """The moment up to which windows are expected, UTC ns: the clock, unless `now` is set."""
        return parse_instant(self.now) if self.now else time.time_ns()


class EnvironmentPlace:
    """The environment; problems name the variable."""

    def problem(self, loc: tuple[str | int, ...], expected: str) -> Problem:
        """Name the variable of a key."""
        return Problem("environment", "", f"{PREFIX}{loc[0]}".upper(), expected)


class SettingsPlace:
    """livinglab.yaml and the environment above it."""

    def __init__(self, file: Place, overridden: Mapping[str, str]) -> None:
        self._file = file
        self._overridden = overridden

    def problem(self, loc: tuple[str | int, ...], expected: str) -> Problem | None:
        """Name the variable where it overrides the key, else the line."""
        place = EnvironmentPlace() if loc and loc[0] in self._overridden else self._file
        return place.problem(loc, expected)


def config_dir(explicit: Path | None = None) -> Path:
    """The configuration folder: as given, else LIVINGLAB_CONFIG, else ./config.

    Raises
    ------
    ConfigError
        If there is none; the message lists every place that was looked at.
    """
    named = os.environ.get(f"{PREFIX}CONFIG", "")
    if explicit is not None:
        chosen, searched = explicit, f"{explicit} (as given)"
    elif named:
        chosen, searched = Path(named), f"{named} ({PREFIX}CONFIG)"
    else:
        chosen = Path("config")
        searched = f"{chosen.resolve()} (./config; {PREFIX}CONFIG is not set)"
    if chosen.is_dir():
        return chosen
    problem = Problem(str(chosen), "", "", f"no such folder; searched: {searched}")
    raise ConfigError([problem], hint=f"name it by --config or {PREFIX}CONFIG")


def load_settings(directory: Path) -> Settings:
    """The settings of a configuration folder, with the environment above the file.

    Raises
    ------
    ConfigError
        With every key that is wrong.
    """
    findings = Findings()
    settings = read_settings(directory, findings)
    findings.raise_if_any()
    return settings


def read_settings(directory: Path, findings: Findings) -> Settings:
    """`load_settings` that notes problems instead of raising; defaults stand in."""
    path = directory / FILE_NAME
    shown = f"{directory.name}/{FILE_NAME}"
    place: Place = FilePlace(shown)
    content: dict[str, Any] = {}
    if path.is_file():
        text = decode_text(path.read_bytes(), shown, findings)
        if text is not None:
            read, place = parse_yaml(text, shown, findings)
            content = read or {}
    else:
        findings.add(place, (), "missing file")
    variables = {key: os.environ.get(f"{PREFIX}{key.upper()}") for key in Settings.model_fields}
    environment = {key: value for key, value in variables.items() if value}  # "" = not set
    merged = content | environment
    settings = findings.parse(Settings, merged, SettingsPlace(place, environment)) or Settings()
    base = Path.cwd() if "state_dir" in environment else directory.resolve().parent
    return settings.model_copy(update={"state_dir": base / settings.state_dir})


def secret(name: str, *, required: bool = False) -> str | None:
    """A secret from LIVINGLAB_<NAME>, or from the file that LIVINGLAB_<NAME>_FILE names.

    Parameters
    ----------
    name : str
        "STORE_TOKEN" or "BROKER_PASSWORD", with or without the prefix.
    required : bool
        Whether a missing secret is an error.

    Raises
    ------
    ConfigError
        If it is required and missing (the message lists every place searched), given twice, or if
        its file cannot be read. The secret itself is never in a message.
    """
    variable = PREFIX + name.upper().removeprefix(PREFIX)
    by_file = f"{variable}_FILE"
    value, file = os.environ.get(variable, ""), os.environ.get(by_file, "")
    if value and file:
        raise _secret_error(variable, f"given twice: {variable} and {by_file}", "set one of them")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            told = getattr(error, "strerror", None) or "not UTF-8 text"
            raise _secret_error(by_file, f"cannot read {file}: {told}", "mend the file") from error
    if not value and required:
        searched = f"missing; searched: {variable}, then the file named by {by_file}"
        raise _secret_error(variable, searched, f"set {variable} or {by_file}")
    return value or None


def _secret_error(variable: str, told: str, hint: str) -> ConfigError:
    return ConfigError([Problem("environment", "", variable, told)], hint=hint)
