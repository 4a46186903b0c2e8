"""Kinds of values that several parts of the configuration share."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from livinglab.config.csv_source import parse_number, require_iso_date
from livinglab.timeline import parse_instant, to_text

#: Codecs of LoRaWAN frames that a device model may name (`ingest.decoders.codecs`).
CODECS: Final = (
    "bosch-parking",
    "cayenne-lpp",
    "decentlab-atm41",
    "decentlab-ctd10",
    "decentlab-mbx",
    "decentlab-pm",
    "decentlab-tbrg",
    "elsys-tlv",
    "milesight-tlv",
    "netvox",
)
#: Formats that carry such frames.
LORAWAN: Final = ("chirpstack_v3", "chirpstack_v4", "tts_v3")
#: Payload formats that a route or a model may name.
FORMATS: Final = (
    "airgradient",
    "cayenne_lpp",
    "chirpstack_v3",
    "chirpstack_v4",
    "dutch_api",
    "esphome_plain",
    "hfp",
    "homie",
    "plain_csv",
    "plain_json",
    "rtl_433",
    "senml_cbor",
    "senml_json",
    "sensor_community",
    "sensorthings",
    "smartcitizen",
    "sparkplug_b",
    "tasmota",
    "telraam",
    "tts_v3",
    "zigbee2mqtt",
)


_NS_LIMIT: Final = 1 << 63  # ns since 1970 that stores and frames can hold


class Spec(BaseModel):
    """A piece of configuration: unknown keys are errors, content never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _instant(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        told = f"expected a date like 2025-06-13, got {value!r}"
        raise ValueError(told)  # noqa: TRY004 - pydantic gathers ValueErrors
    require_iso_date(value)
    zone = (info.context or {}).get("zone", "")
    try:
        time_ns = parse_instant(value, zone)
    except (ValueError, OverflowError) as error:
        expected = "expected a date like 2025-06-13 or a time like 2025-06-13T12:00:00+02:00"
        raise ValueError(f"{expected}, got {value!r}") from error
    if not -_NS_LIMIT <= time_ns < _NS_LIMIT:
        expected = "expected a year from 1678 to 2261; an end that is open stays empty"
        raise ValueError(f"{expected}, got {value!r}")
    return to_text(time_ns)


def _civil_date(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        parse_instant(value, "UTC")  # refuses the 31st of February
        return value
    raise ValueError(f"expected a civil date like 2025-06-13, got {value!r}")


@lru_cache(maxsize=64)
def is_zone(name: str) -> bool:
    """Whether a text names a time zone of the IANA data base."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _zone(value: object) -> object:
    if not isinstance(value, str) or not is_zone(value):
        raise ValueError(f"expected a time zone like Europe/Amsterdam, got {value!r}")
    return value


def _identifier(pattern: str, example: str) -> BeforeValidator:
    def check(value: object) -> object:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"expected a name like {example}, got {value!r}")
        return value

    return BeforeValidator(check)


def _whole(value: object) -> object:
    number = parse_number(value)
    if isinstance(number, float) and not number.is_integer():
        raise ValueError(f"expected a whole number, got {value!r}")
    return int(number) if isinstance(number, float) else number


#: UTC text of a civil date or time; a local one is read in the lab's zone (validation context).
Instant = Annotated[str, BeforeValidator(_instant)]
CivilDate = Annotated[str, BeforeValidator(_civil_date)]
Zone = Annotated[str, BeforeValidator(_zone)]
#: Labs, areas, models, experiments: become tag values and file names.
Slug = Annotated[str, _identifier(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?", "lombok or bicycle-loop")]
QuantityName = Annotated[str, _identifier(r"[a-z][a-z0-9_]{0,62}", "pm2_5")]
DeviceId = Annotated[str, _identifier(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", "utr-aq-01")]
Channel = Annotated[str, _identifier(r"[A-Za-z0-9_.:-]{1,32}", "0 or west")]
#: A number of a CSV cell or of YAML.
Number = Annotated[float, BeforeValidator(parse_number), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_whole)]
#: [least, greatest]; null = no bound.
Bounds = tuple[float | None, float | None]
Text = Annotated[str, Field(min_length=1)]
JsonMapping = dict[str, Any]
