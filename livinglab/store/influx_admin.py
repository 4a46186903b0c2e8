"""Buckets and tokens of an InfluxDB: what an administrator does once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from livinglab.errors import StoreAuthError, StoreError, StoreMissingError
from livinglab.store.base import BUCKETS
from livinglab.store.influx_http import Transport

#: What each kind of user may do, bucket by bucket: no more than its work needs. The loader reads
#: `raw` where late values come: new, repeated or a correction depends on what is stored.
ROLES: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "ingest": {"raw": ("read", "write"), "ops": ("read", "write")},
    "airflow": {
        "raw": ("read",),
        "clean": ("read", "write"),
        "indicators": ("read", "write"),
        "ops": ("read", "write"),
    },
    "researcher": {"clean": ("read",), "indicators": ("read",)},
}


class Administration:
    """Calls of the management API; all need an administrator's token.

    Parameters
    ----------
    http : Transport
        Server, organisation, prefix of the bucket names, and the token.
    """

    def __init__(self, http: Transport) -> None:
        self._http = http

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        sent = msgspec.json.encode(body) if body is not None else b""
        headers = {"Content-Type": "application/json"}
        answer = self._http.request(method, f"/api/v2/{path}", query or {}, sent, headers)
        if answer.status >= 300:
            raise StoreError(f"InfluxDB at {self._http.base} refuses {path}: {answer.message}")
        return msgspec.json.decode(answer.body) if answer.body else None

    def _org_id(self) -> str:
        found = self._call("GET", "orgs", query={"org": self._http.org})["orgs"]
        if not found:  # so the server answers a token that may not see the organisation
            problem = f"the token may not manage {self._http.org!r} at {self._http.base}"
            raise StoreAuthError(problem, hint="use an administrator's token for this one act")
        return str(found[0]["id"])

    def _bucket_ids(self, org_id: str) -> dict[str, str]:
        """Ids of the schema's buckets that are there."""
        found: dict[str, str] = {}
        for bucket in BUCKETS:
            query = {"orgID": org_id, "name": self._http.bucket_name(bucket)}
            try:
                (found[bucket],) = (
                    str(each["id"]) for each in self._call("GET", "buckets", query=query)["buckets"]
                )
            except StoreMissingError:
                continue
        return found

    def create_buckets(self) -> None:
        """Create the buckets that are missing, without expiry; harmless when they are there."""
        org_id = self._org_id()
        present = self._bucket_ids(org_id)
        for bucket in BUCKETS:
            if bucket not in present:
                name = self._http.bucket_name(bucket)
                body = {"orgID": org_id, "name": name, "retentionRules": []}
                self._call("POST", "buckets", body)

    def remove_buckets(self) -> None:
        """Delete the buckets with all they hold."""
        for found in self._bucket_ids(self._org_id()).values():
            self._call("DELETE", f"buckets/{found}")

    def create_tokens(self, roles: Collection[str]) -> dict[str, str]:
        """A new token for each role; the server shows it only now."""
        org_id = self._org_id()
        ids = self._bucket_ids(org_id)
        if missing := [bucket for bucket in BUCKETS if bucket not in ids]:
            problem = f"no bucket for {', '.join(missing)} at {self._http.base}"
            raise StoreMissingError(problem, hint="run `livinglab store prepare` first")
        return {role: self._create_token(role, org_id, ids) for role in roles}

    def _create_token(self, role: str, org_id: str, ids: Mapping[str, str]) -> str:
        permissions = [
            {
                "action": action,
                "resource": {"type": "buckets", "orgID": org_id, "id": ids[bucket]},
            }
            for bucket, actions in ROLES[role].items()
            for action in actions
        ]
        body = {"orgID": org_id, "description": f"livinglab {role}", "permissions": permissions}
        return str(self._call("POST", "authorizations", body)["token"])
