"""Messages to readings: route, decoder and what the route tells the decoder."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.decoders import DECODERS
from ingest.decoders.base import MAX_PAYLOAD_BYTES, Context, Decoder
from ingest.logs import logger
from ingest.router import CACHE_LIMIT, Router
from livinglab.errors import DecodeError, Reason
from livinglab.model import Decoded, Message
from livinglab.registry import DeviceModel, Registry, Route

log = logger("readers")


@dataclass(frozen=True, slots=True)
class Reader:
    """How the messages of one route are read."""

    lab: str
    name: str
    decode: Decoder
    context: Context


class Readers:
    """Reads messages by the routes of a registry.

    Parameters
    ----------
    registry : Registry
        Its labs' routes name the decoders.

    Attributes
    ----------
    largest : int
        Longer payloads are not read, in bytes.
    """

    def __init__(self, registry: Registry) -> None:
        self._router = Router(registry)
        self._registry = registry
        self.largest = int(getattr(registry.settings, "max_payload_bytes", MAX_PAYLOAD_BYTES))
        self._readers: dict[int, Reader] = {}
        self.by_topic: dict[str, Reader] = {}

    def read(self, message: Message) -> tuple[Reader | None, Decoded | DecodeError]:
        """Who reads the message, and the readings or why there are none to be had.

        Never raises: a decoder that fails on a payload by its own fault yields a DecodeError too.
        """
        reader = self.by_topic.get(message.topic) or self._find(message.topic)
        if reader is None:
            text = f"no route of any lab has the topic {message.topic!r}"
            hint = "add a route to the lab.yaml of its lab, then replay the dead letters"
            return None, DecodeError(Reason.NOT_CLAIMED, text, hint=hint)
        if len(message.payload) > self.largest:
            text = f"payload of {len(message.payload)} bytes, at most {self.largest} are read"
            return reader, DecodeError(Reason.TOO_LARGE, text, hint="see max_payload_bytes")
        try:
            return reader, reader.decode(message, reader.context)
        except DecodeError as error:
            return reader, error
        except Exception as error:
            log.exception("decoder failed", decoder=reader.name, topic=message.topic)
            text = f"{reader.name} failed: {type(error).__name__}: {error}"
            return reader, DecodeError(Reason.FORMAT, text)

    def _find(self, topic: str) -> Reader | None:
        claim = self._router.claim(topic)
        if claim is None:
            return None
        reader = self._readers.get(id(claim[1])) or self._prepare(*claim)
        if len(self.by_topic) >= CACHE_LIMIT:
            self.by_topic.clear()
        self.by_topic[topic] = reader
        return reader

    def _prepare(self, lab: str, route: Route) -> Reader:
        context = Context(device=route.device, timezone=route.timezone, model_of=self.model_of)
        reader = Reader(lab, route.decoder, DECODERS[route.decoder], context)
        self._readers[id(route)] = reader  # the registry keeps the route alive
        return reader

    def model_of(self, device: str) -> DeviceModel | None:
        """The model of the device's newest row."""
        rows = self._registry.history.get(device)
        return self._registry.models[rows[-1].model] if rows else None
