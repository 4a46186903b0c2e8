"""HTTP to InfluxDB: one pool of keep-alive connections, and errors by what the server means.

The token is only ever a header; no message, log line or repr has it.
"""

from __future__ import annotations

import email.utils
import os
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import urllib3

from livinglab.errors import StoreAuthError, StoreError, StoreMissingError, StoreUnavailableError
from livinglab.store.values import require_bucket

CONNECT_S: Final = 5.0
#: How long the server may be silent: a write is quick or it hangs, a query may have to think.
WRITE_S: Final = 15.0
READ_S: Final = 60.0
_CONNECTIONS: Final = 8
_PASSED_ON: Final = frozenset({400, 413, 422})  # what they mean depends on the request

_PERMIT: Final = (
    "give a token that may do this in LIVINGLAB_STORE_TOKEN, or a file with it in "
    "LIVINGLAB_STORE_TOKEN_FILE"
)


class Answer:
    """Status and body of an answer that is no error of the connection, the token or the address."""

    __slots__ = ("body", "status")

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.body = body

    @property
    def message(self) -> str:
        """What the server says in its JSON error body."""
        return _message(self.body)


def _message(body: bytes) -> str:
    try:
        said = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        said = None
    if isinstance(said, dict):
        return str(said.get("message") or said.get("error") or said)[:2000]
    return body.decode(errors="replace")[:200].strip() or "no explanation"


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    given = headers.get("Retry-After", "")
    try:
        return max(float(given), 0.0)
    except ValueError:
        pass
    try:
        when = email.utils.parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(when.timestamp() - time.time(), 0.0)


class Transport:
    """Requests to one server; safe for threads and forks.

    Parameters
    ----------
    url : str
        "influxdb://host:port?org=name&tls=1&ca=/path.pem&prefix=x"; port 8086 unless given.
    token : str
        Sent as `Authorization: Token ...`.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        tls = options.get("tls", "0") not in {"", "0", "false", "no"}
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        self.base = f"{'https' if tls else 'http'}://{host}:{parts.port or 8086}"
        self.org = options.get("org", "")
        self._prefix = options.get("prefix", "")
        self._ca = options.get("ca")
        self._token = token.strip()
        self._pid = 0
        self._pool: urllib3.PoolManager | None = None

    def __repr__(self) -> str:
        return f"Transport({self.base!r})"

    @property
    def token(self) -> str:
        """The token; refused when it cannot be a header, because the error would show it."""
        if not self._token:
            raise StoreAuthError(f"no token for InfluxDB at {self.base}", hint=_PERMIT)
        if not (self._token.isascii() and self._token.isprintable()):
            raise StoreAuthError(
                f"the token for InfluxDB at {self.base} has characters no token has",
                hint=f"{_PERMIT}; the token alone, as plain text",
            )
        return self._token

    def bucket_name(self, bucket: str) -> str:
        """Name of a bucket on the server: the address' prefix and the schema's name."""
        return self._prefix + require_bucket(bucket)

    def write(self, bucket: str, lines: Sequence[str]) -> Answer:
        """POST lines, gzip level 1; 204 means stored. No line at all only asks for the bucket."""
        query = {"org": self.org, "bucket": self.bucket_name(bucket), "precision": "ns"}
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
        packer = zlib.compressobj(level=1, wbits=31)
        body = packer.compress("\n".join(lines).encode()) + packer.flush()
        return self.request("POST", "/api/v2/write", query, body, headers, WRITE_S)

    def _pooled(self) -> urllib3.PoolManager:
        if self._pool is None or self._pid != os.getpid():  # sockets must not be shared by a fork
            self._pid = os.getpid()
            self._pool = urllib3.PoolManager(
                maxsize=_CONNECTIONS,
                retries=False,
                ca_certs=self._ca,
            )
        return self._pool

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        silence_s: float = READ_S,
    ) -> Answer:
        """One request; answers other than 2xx, 400, 413 and 422 raise.

        Raises
        ------
        StoreUnavailableError
            No connection, time out, 429, 5xx; `retry_after_s` where the server says so.
        StoreAuthError, StoreMissingError, StoreError
            401 and 403; 404; anything else.
        """
        url = f"{self.base}{path}?{urlencode(query)}"
        sent = {"Authorization": f"Token {self.token}", **(headers or {})}
        timeout = urllib3.Timeout(connect=CONNECT_S, read=silence_s)
        response = self._exchange(method, url, body, sent, timeout)
        if response.status < 300 or response.status in _PASSED_ON:
            return Answer(response.status, response.data)
        raise self._refusal(response.status, response.data, response.headers)

    def _exchange(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        timeout: urllib3.Timeout,
    ) -> urllib3.BaseHTTPResponse:
        pool = self._pooled()
        try:
            try:
                return pool.request(method, url, body=body, headers=headers, timeout=timeout)
            except urllib3.exceptions.ProtocolError:
                # A kept connection that the server closed meanwhile; all our requests may repeat.
                return pool.request(method, url, body=body, headers=headers, timeout=timeout)
        except urllib3.exceptions.SSLError as error:
            hint = "check tls=1 and ca=... in the address, and the server's certificate"
            trusted = self._ca or "the system's authorities"
            problem = f"no trusted TLS to {self.base}, trusting {trusted}: {error}"
            raise StoreAuthError(problem, hint=hint) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            hint = "is the server running, and is the address right?"
            problem = f"InfluxDB at {self.base} cannot be reached: {_cause(error)}"
            raise StoreUnavailableError(problem, hint=hint) from error

    def _refusal(self, status: int, body: bytes, headers: Mapping[str, str]) -> StoreError:
        what = f"InfluxDB at {self.base} answered {status}: {_message(body)}"
        if status in {401, 403}:
            return StoreAuthError(what, hint=_PERMIT)
        if status == 404:
            hint = "correct org= and prefix= in the address, or run `livinglab store prepare` once"
            return StoreMissingError(what, hint=hint)
        if status == 429 or status >= 500:
            return StoreUnavailableError(what, retry_after_s=_retry_after_s(headers))
        return StoreError(what)

    def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        if self._pool is not None and self._pid == os.getpid():
            self._pool.clear()


def _cause(error: Exception) -> str:
    """The end of the chain: `connection refused`, not the addresses of objects."""
    while isinstance(error.__cause__ or error.__context__, Exception):
        error = error.__cause__ or error.__context__  # type: ignore[assignment]  # checked above
    return str(error) or type(error).__name__
