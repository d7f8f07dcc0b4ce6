"""A procurement system that calls the API with a key, and a worker that runs its jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

import httpx
from callers import make_key
from diligence_client import AuthenticatedClient
from flask import Flask
from werkzeug.test import TestResponse

from service.auth.access import ACCESS
from service.blob_store import BlobStore
from service.db.session import Database
from service.imports import reading, saving
from service.jobs.table import claim_job
from service.jobs.worker import Handler, run_job
from service.reporting import report_jobs


@dataclass(frozen=True)
class Portal:
    """Calls paths under /api/v1 with its key."""

    app: Flask
    key: dict[str, str]

    @property
    def client(self) -> AuthenticatedClient:
        """The generated client with this key. A status that the document does not describe raises an error."""
        return AuthenticatedClient(
            "http://localhost",
            token=self.key["Authorization"].removeprefix("Bearer "),
            raise_on_unexpected_status=True,
            httpx_args={"transport": httpx.WSGITransport(self.app)},
        )

    def call(self, method: str, path: str, **more: object) -> TestResponse:
        headers = {**self.key, **more.pop("headers", {})}
        return self.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **more)

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.call("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, body: object = None, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("POST", path, headers=named, **({} if body is None else {"json": body}))

    def put(self, path: str, body: object, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("PUT", path, json=body, headers=named)

    def send(self, name: str, data: bytes, **fields: str) -> TestResponse:
        headers = {"Idempotency-Key": fields.pop("once")} if "once" in fields else {}
        return self.call("POST", "/imports", data={"file": (BytesIO(data), name), **fields}, headers=headers)

    def work(self) -> None:
        """Does every job that waits."""
        run_jobs(self.app.extensions["database"], self.app.extensions["blob_store"])

    def import_file(self, name: str, data: bytes, **fields: str) -> dict:
        """An import, once its jobs are done."""
        response = self.send(name, data, **fields)
        self.work()
        return self.get(response.location.removeprefix("/api/v1")).json


def make_portal(app: Flask, organisation_id: str, *scopes: str) -> Portal:
    """A portal of an organisation, with a key for these scopes (by default all)."""
    return Portal(app, make_key(app.extensions["database"], organisation_id, *(scopes or ACCESS.scopes)))


def run_jobs(database: Database, blobs: BlobStore, handlers: Mapping[str, Handler] | None = None) -> None:
    """Does every job that waits, one after another."""
    handlers = handlers or {
        "read_import": Handler(lambda db, claimed: reading.read_import(db, blobs, claimed)),
        "assess_import": Handler(lambda db, claimed: saving.assess_import(db, blobs, claimed)),
        "render_report": Handler(lambda db, claimed: report_jobs.render_report(db, blobs, claimed)),
    }
    while (claimed := claim_job(database, "test", kinds=handlers)) is not None:
        run_job(database, claimed, handlers[claimed.kind])
