"""What a payload key means: quantity, unit and channel by the generic key table.

An allow-list: a key counts only if every word of it is known. `temperature_C`, `TempC_SHT`,
`airTemperature2` and `luchttemperatuur` are temperatures; `targetTemperature`, `temperature_max`
and `tempOffset` are not, because nobody listed their other word.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import combinations
from typing import Final, NamedTuple

from ingest.decoders import key_table


class Meaning(NamedTuple):
    """Quantity, unit (None = stated nowhere) and channel ("0" = the only one) of a key."""

    quantity: str
    unit: str | None
    channel: str = "0"


MAX_KEY: Final = 120

_ALIASES: Final[dict[str, Meaning]] = {}
for _quantity, _unit, _words in key_table.ROWS:
    for _word in (*_words.split(), _quantity.replace("_", "")):
        _alias, _, _channel = _word.partition(">")
        _ALIASES.setdefault(_alias, Meaning(_quantity, _unit or None, _channel or "0"))
_UNITS: Final = {name: unit for unit, names in key_table.SUFFIXES for name in names.split()}
_DIMENSION: Final = {unit: row.split()[0] for row in key_table.DIMENSIONS for unit in row.split()}
_QUANTITY_DIMENSIONS: Final[dict[str, set[str]]] = {}
for _quantity, _unit, _words in key_table.ROWS:
    _QUANTITY_DIMENSIONS.setdefault(_quantity, set()).add(_DIMENSION.get(_unit, _unit))
for _quantity, _unit in key_table.ALSO:
    _QUANTITY_DIMENSIONS[_quantity].add(_DIMENSION[_unit])
for _size in ("pm1", "pm2_5", "pm4", "pm10"):
    _QUANTITY_DIMENSIONS[_size] = {_DIMENSION["ug/m3"]}

_WORDS: Final = re.compile(r"[A-ZÄÖÜ]+(?![a-zäöüéèß])|[A-ZÄÖÜ]?[^\W\d_A-ZÄÖÜ]+|\d+")
_SEGMENT: Final = re.compile(r"[^\W_]+")
_CHIP: Final = re.compile(
    r"sht\w*|dht\d*|aht\w*|bm[ep]\d\w*|htu\w*|hdc\w*|si70\w*|scd\w*|am23\w*|ds|ds18\w*|pt100\w*|"
    r"ntc\w*|mlx\w*|mcp\w*|lm\d+|sen\d\w*|sps\w*|sds\w*|pms\w*|hpma?\d*|ips\w*|npm\w*|dnms|"
    r"bh1750|tsl\w*|ccs\w*|sgp\w*|mhz\w*|(?:chn?|s|t|p|n|ain|sensor|probe|line|zone|port|channel|input|region|slot)\d{1,3}",
    re.IGNORECASE,
)
_PARTICLES: Final = re.compile(
    r"(?:pm|particulate[\s_.-]*matter)[\s_.-]*0*(?:(?P<small>1|4|10)(?:[_.,pd-]0)?|(?P<fine>2[\s_.,pd-]?5)|(?P<old>100|010))"
    r"(?!\d)(?![_.,]\d)",
    re.IGNORECASE,
)
_MASS_WORDS: Final = frozenset(
    ("mass", "concentration", "conc", "ambient", "atm", "atmos", "atmospheric", "env", "density")
)


@lru_cache(maxsize=8192)
def meaning(key: str) -> Meaning | None:
    """Meaning of one key, None where a word of it is unknown.

    Examples
    --------
    >>> meaning("TempC_SHT")
    Meaning(quantity='temperature', unit='Cel', channel='SHT')
    >>> meaning("PM2_5").quantity, meaning("PM1_0").quantity, meaning("PM_10").quantity
    ('pm2_5', 'pm1', 'pm10')
    >>> meaning("targetTemperature") is None
    True
    """
    if len(key) > MAX_KEY:
        return None
    particles = _particles(key)
    if particles is not None:
        return particles
    plain = "".join(_SEGMENT.findall(key)).casefold()
    if plain in key_table.REFUSED:
        return None
    return _ALIASES.get(plain) or _by_words(key) or _glued(plain)


@lru_cache(maxsize=8192)
def meaning_in(name: str) -> Meaning | None:
    """Meaning of the words of a free name ("bedroom_humidity", "Temperature of the kitchen").

    The longest run of known words counts, the later one of equal length; other words are ignored
    unless they say that the value is no measurement of that thing (a target, a limit, a chip).

    Examples
    --------
    >>> meaning_in("bedroom_humidity").quantity, meaning_in("Temperature of the kitchen").quantity
    ('relative_humidity', 'temperature')
    >>> meaning_in("boiler_target_temperature") is None, meaning_in("esp32_temperature").quantity
    (True, 'device_temperature')
    """
    whole = meaning(name)
    if whole is not None or len(name) > MAX_KEY:
        return whole
    words = _SEGMENT.findall(name)[:12]
    if any(word.casefold() in key_table.NO_MEASUREMENT for word in words):
        return None
    for size in range(len(words) - 1, 0, -1):
        for start in range(len(words) - size, -1, -1):
            found = meaning("_".join(words[start : start + size]))
            if found is not None and _is_telling(words[start : start + size]):
                return _of_chip(found, words)
    return None


def _is_telling(words: list[str]) -> bool:
    return len("".join(words)) > 1


def _of_chip(found: Meaning, words: list[str]) -> Meaning:
    is_chip = any(word.casefold() in key_table.CHIPS for word in words)
    if found.quantity in ("temperature", "air_temperature") and is_chip:
        return Meaning("device_temperature", found.unit)
    return found


def fits(quantity: str, unit: str | None) -> bool:
    """Whether a unit (in the spelling of the table) can belong to a quantity of the table."""
    if unit is None:
        return True
    dimensions = _QUANTITY_DIMENSIONS.get(quantity)
    return dimensions is None or _DIMENSION.get(unit, unit) in dimensions


def is_unit(unit: str) -> bool:
    """Whether a unit in the spelling of the table is one the table knows."""
    return unit in _DIMENSION


def medium_of(channel: str) -> str:
    """The word "air" where the channel names a sensor chip that sits in air, else ""."""
    return "air" if re.match(r"(?i)sht|dht|aht|bm[ep]|htu|hdc|si70|scd|am23", channel) else ""


def _particles(key: str) -> Meaning | None:
    found = _PARTICLES.search(key)
    if not found:
        return None
    quantity = "pm2_5" if found["fine"] else "pm10" if found["old"] else f"pm{found['small']}"
    rest = _WORDS.findall(key[: found.start()]) + _WORDS.findall(key[found.end() :])
    words = [word.casefold() for word in rest]
    words = [word for word in words if word not in _MASS_WORDS]
    return _qualified(Meaning(quantity, "ug/m3"), words)


def _glued(plain: str) -> Meaning | None:
    """An alias and its unit in one word."""
    for suffix in (*key_table.GLUED, "f"):
        rest = plain.removesuffix(suffix)
        known = _ALIASES.get(rest) if rest != plain and len(rest) > 2 else None
        if known is None or (suffix == "f" and not known.quantity.endswith("temperature")):
            continue
        if fits(known.quantity, _UNITS[suffix]):
            return Meaning(known.quantity, _UNITS[suffix], known.channel)
    return None


def _by_words(key: str) -> Meaning | None:
    words: list[str] = []
    channel: list[str] = []
    for segment in _SEGMENT.findall(key):
        if _CHIP.fullmatch(segment):
            channel.append(segment)
        else:
            words += _WORDS.findall(segment)
    words = [word.casefold() for word in words]
    _take_depths(words, channel)
    return _reduced(words, channel)


def _take_depths(words: list[str], channel: list[str]) -> None:
    """Moves "10", "cm" (the depth of a probe) from the words to the channel."""
    index = len(words) - 1
    while index > 0:
        if words[index] in ("cm", "m", "mm") and words[index - 1].isdigit():
            channel.append(words[index - 1] + words[index])
            del words[index - 1 : index + 1]
            index -= 1
        index -= 1


def _reduced(words: list[str], channel: list[str]) -> Meaning | None:
    """The alias that is left when unit, noise and places are taken away, as few as possible.

    A unit is tried first, because "in" is one after a length and a place after anything else.
    """
    for size in (_unit_words(words), 0):
        unit = _UNITS["".join(words[-size:])] if size else None
        found = _without_some(words[: len(words) - size], unit, channel)
        if found is not None:
            return found
    return None


def _without_some(words: list[str], unit: str | None, channel: list[str]) -> Meaning | None:
    extra = [index for index, word in enumerate(words) if _is_extra(word)][:6]
    for count in range(min(len(extra), len(words) - 1) + 1):
        for gone in combinations(extra, count):
            alias = "".join(word for index, word in enumerate(words) if index not in gone)
            known = _ALIASES.get(alias) if len(alias) > 1 else None
            if known is not None and fits(known.quantity, unit):
                places = [words[index] for index in gone if words[index] not in key_table.NOISE]
                return _joined(known, unit, places + channel)
    return None


def _is_extra(word: str) -> bool:
    return word in key_table.NOISE or _is_place(word)


def _is_place(word: str) -> bool:
    return word in key_table.PLACES or (word.isdigit() and len(word) <= 3)


def _qualified(known: Meaning, words: list[str]) -> Meaning | None:
    """`known` with the rest of its key's words, None where one of them is unknown."""
    unit: str | None = None
    channel: list[str] = []
    while words:
        size = 0 if unit else _unit_words(words, whole=True)
        if size and fits(known.quantity, _UNITS["".join(words[-size:])]):
            unit = _UNITS["".join(words[-size:])]
            del words[-size:]
        elif _CHIP.fullmatch(words[0]):
            channel.append(words.pop(0))
        elif not (_drop_noise(words) or _move_place(words, channel)):
            return None
    return _joined(known, unit, channel)


def _joined(known: Meaning, unit: str | None, channel: list[str]) -> Meaning:
    own = [known.channel] if known.channel != "0" else []
    return Meaning(known.quantity, unit or known.unit, "_".join(own + channel) or "0")


def _unit_words(words: list[str], *, whole: bool = False) -> int:
    """How many words at the end are a unit; at least one word must be left unless `whole`."""
    for size in (3, 2, 1):
        if size < len(words) + whole and "".join(words[-size:]) in _UNITS:
            return size
    return 0


def _drop_noise(words: list[str]) -> bool:
    for index, word in enumerate(words):
        if word in key_table.NOISE and len(words) > 1:
            del words[index]
            return True
    return False


def _move_place(words: list[str], channel: list[str]) -> bool:
    for index in range(len(words) - 1, -1, -1):
        word = words[index]
        if _is_place(word):
            channel.insert(0, words.pop(index))
            return True
    return False
