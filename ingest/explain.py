"""What a message would become: route, device, clock, every key, and where it ends.

The answer comes from the pieces that the loader uses (router, decoders, resolver), so that it is
the loader's answer; nothing is stored.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ingest.advice import advice
from ingest.decoders import DECODERS, Context
from ingest.decoders.describe import described
from ingest.letters import WAITING
from ingest.readers import Reader, Readers
from ingest.resolve import LETTER_REASONS, WROTE, Plan, Resolver
from ingest.router import Router
from ingest.series import SeriesMemory
from livinglab.errors import DecodeError, LivingLabError, Reason
from livinglab.model import Decoded, Message, Point, Reading
from livinglab.registry import DeviceModel, Registry
from livinglab.timeline import to_text


@dataclass(frozen=True, slots=True)
class Key:
    """One reading: what the payload says, and what it becomes.

    `guess` is what the generic key table makes of a key that no model maps; `reason` is None for a
    reading that would be stored.
    """

    device: str
    key: str
    value: float
    unit: str | None
    time_ns: int | None
    clock: str
    quantity: str
    canonical: float | None
    canonical_unit: str
    channel: str
    reason: Reason | None
    guess: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a message ends and why.

    Parameters
    ----------
    outcome : str
        "stored", "partly stored", "no readings", "quarantine" or "dead letter".
    why : str
        In words, with what to do about it where something is.
    """

    topic: str
    lab: str
    route: str
    decoder: str
    outcome: str
    why: str = ""
    identity: str = ""
    keys: tuple[Key, ...] = ()
    dropped: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    register: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


@dataclass(slots=True)
class _Findings:
    keys: list[Key] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


def explain(registry: Registry, message: Message, format_name: str = "") -> Explanation:
    """What `message` would become under `registry`.

    Parameters
    ----------
    registry : Registry
        Routes, devices, models.
    message : Message
        With the receipt time to assume.
    format_name : str
        Decoder to try instead of the one that the route names; "" = the route's.

    Raises
    ------
    LivingLabError
        If there is no decoder of that name.
    """
    claim = Router(registry).claim(message.topic)
    lab, route = (claim[0], claim[1].topic) if claim else ("", "")
    reader, decoded = _read(registry, message, format_name)
    start = Explanation(message.topic, lab, route, reader.name if reader else "", "dead letter")
    if isinstance(decoded, DecodeError):
        why = f"{decoded.reason}: {decoded.message}" + (
            f" -> {decoded.hint}" if decoded.hint else ""
        )
        return replace(start, why=why)
    return _explained(registry, message, decoded, start)


def registration(
    registry: Registry, lab: str, decoder: str, device: str, keys: Sequence[str], start: str
) -> str:
    """The command line that registers a device, with the model that maps most of its keys.

    What cannot be known from a message stands there in capitals.
    """
    model = _best_model(registry, decoder, keys)
    areas = sorted(registry.labs[lab].areas) if lab in registry.labs else []
    choice = f"  # AREA: {' or '.join(areas)}" if len(areas) > 1 else ""
    return (
        f"livinglab device add {shlex.quote(device)} --lab {lab or 'LAB'} "
        f"--model {model or 'MODEL'} --area {areas[0] if len(areas) == 1 else 'AREA'} "
        f"--from {start} --lon LONGITUDE --lat LATITUDE{choice}"
    )


def _read(
    registry: Registry, message: Message, format_name: str
) -> tuple[Reader | None, Decoded | DecodeError]:
    if not format_name:
        return Readers(registry).read(message)
    if format_name not in DECODERS:
        known = ", ".join(sorted(DECODERS))
        raise LivingLabError(f"no decoder {format_name!r}", hint=f"there are: {known}")
    claim = Router(registry).claim(message.topic)
    route = claim[1] if claim else None
    context = replace(
        Context(route.device, route.timezone) if route else Context(),
        model_of=Readers(registry).model_of,
    )
    reader = Reader(claim[0] if claim else "", format_name, DECODERS[format_name], context)
    try:
        return reader, reader.decode(message, context)
    except DecodeError as error:
        return reader, error


def _explained(
    registry: Registry, message: Message, decoded: Decoded, start: Explanation
) -> Explanation:
    found = _Findings()
    guesses = described(decoded, start.decoder).readings
    for device, readings in decoded.readings.items():
        told = {(row.key, row.time_ns): row.quantity for row in guesses.get(device, ())}
        keys = list(_keys(registry, message, device, readings, start.lab))
        if keys and keys[0].reason is Reason.UNKNOWN_DEVICE:
            found.unknown.append(device)
        refused = [(key.reason, key.key) for key in keys if key.reason is not None]
        found.advice += advice(registry, device, refused)
        found.keys += [replace(key, guess=_guess(key, told)) for key in keys]
    _warn(message, decoded, found)
    outcome, why = _outcome(decoded, found, start)
    lines = tuple(_lines(registry, message, decoded, found, start))
    return replace(
        start,
        outcome=outcome,
        why=why,
        identity=decoded.identity,
        keys=tuple(found.keys),
        dropped=decoded.dropped,
        warnings=tuple(found.warnings),
        register=lines,
        advice=tuple(found.advice),
    )


def _keys(
    registry: Registry, message: Message, device: str, readings: Sequence[Reading], lab: str
) -> Iterator[Key]:
    for reading in readings:
        # A memory of its own per reading: what an earlier reading stored must not explain this one.
        memory = SeriesMemory({}, lambda *_: {})
        ahead_s = float(getattr(registry.settings, "clock_ahead_s", 300))
        resolver = Resolver(registry, memory, ahead_s)
        plan = resolver.plan(device)
        if plan is None:
            yield _key(device, reading, Reason.UNKNOWN_DEVICE)
            continue
        wrote = resolver.resolve(plan, [reading], lab or plan.row.lab, message) & WROTE
        points = memory.take()[0]
        if wrote and points:
            yield _stored(registry, device, reading, points[-1])
        else:
            yield _key(device, reading, _refusal(resolver, plan))


def _refusal(resolver: Resolver, plan: Plan) -> Reason:
    held = next(iter(resolver.letters), None)
    rejected = next(iter(plan.rejected), None)
    return held[0] if held else rejected[0] if rejected else Reason.UNMAPPED


def _stored(registry: Registry, device: str, reading: Reading, point: Point) -> Key:
    quantity, value = next(iter(point.fields.items()))
    unit = registry.quantities[quantity].unit
    key = _key(device, reading, None)
    return replace(
        key,
        quantity=quantity,
        canonical=float(value),
        canonical_unit=unit,
        channel=point.series.tags[1],
        time_ns=point.time_ns,
    )


def _key(device: str, reading: Reading, reason: Reason | None) -> Key:
    clock = "device or network" if reading.time_ns is not None else "receipt"
    if reading.local:
        clock = f"receipt: {reading.local} has no zone, and the route names none"
    return Key(
        device,
        reading.key,
        reading.value,
        reading.unit,
        reading.time_ns,
        clock,
        "",
        None,
        "",
        reading.channel,
        reason,
    )


def _guess(key: Key, told: dict[tuple[str, int | None], str]) -> str:
    return "" if key.reason is None else told.get((key.key, key.time_ns), "")


def _warn(message: Message, decoded: Decoded, found: _Findings) -> None:
    if message.retain:
        found.warnings.append("retained: sent at some earlier time, repeated at every subscription")
    if any(key.clock.startswith("receipt:") for key in found.keys):
        found.warnings.append("the device clock has no zone: set timezone in the route")
    if decoded.readings and not decoded.identity:
        found.warnings.append("the format has no message id: repeats are found by time and value")


def _outcome(decoded: Decoded, found: _Findings, start: Explanation) -> tuple[str, str]:
    if not start.route:
        return "dead letter", f"{Reason.NOT_CLAIMED}: no route of any lab has the topic"
    if not decoded.readings:
        return "no readings", decoded.note
    reasons = {key.reason for key in found.keys if key.reason is not None}
    if not reasons:
        return "stored", ""
    stored = sum(key.reason is None for key in found.keys)
    return _partial(reasons, stored, len(found.keys))


def _partial(reasons: set[Reason], stored: int, total: int) -> tuple[str, str]:
    waiting = sorted(str(reason) for reason in reasons & WAITING)
    if waiting:
        return "quarantine", f"{', '.join(waiting)}: kept until the registry knows better"
    lost = ", ".join(sorted(str(reason) for reason in reasons))
    if stored:
        return "partly stored", f"{stored} of {total} readings; the others: {lost}"
    if reasons & LETTER_REASONS:
        return "dead letter", lost
    return "no readings", f"every reading is rejected: {lost}"


def _lines(
    registry: Registry, message: Message, decoded: Decoded, found: _Findings, start: Explanation
) -> Iterator[str]:
    for device in found.unknown:
        rows = decoded.readings[device]
        earliest = min(message.received_ns if row.time_ns is None else row.time_ns for row in rows)
        day = to_text(earliest)[:10]
        yield registration(
            registry, start.lab, start.decoder, device, [row.key for row in rows], day
        )


def _best_model(registry: Registry, decoder: str, keys: Sequence[str]) -> str:
    """The model of the decoder that maps most of the keys; "" where none maps any."""

    def score(model: DeviceModel) -> tuple[int, int]:
        return len(set(keys) & model.keys.keys()), -len(model.keys)

    models = [model for model in registry.models.values() if model.decoder == decoder]
    best = max(models, key=score, default=None)
    return best.name if best is not None and score(best)[0] else ""
