"""Servers that refuse what SAP Ariba, Coupa, ServiceNow and Salesforce refuse, as far as their public documentation says."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

PERSONAL = re.compile(r"worker|passport|phone|e-?mail|birth", re.IGNORECASE)


class HostSystem:
    """What a system knows and gets. ``fields``: which it has; ``known``: identifiers; ``rows``: what it took, by identifier.

    ``failing``: statuses and headers with which the next requests are answered instead. ``tokens``: those that it accepts.
    """

    def __init__(self, fields: set[str], known: set[str]) -> None:
        self.fields, self.known = fields, known
        self.rows: dict[str, dict[str, Any]] = {}
        self.batches: list[int] = []
        self.failing: list[tuple[int, dict[str, str]]] = []
        self.tokens: set[str] = set()
        self.issued = 0
        self.feeds: dict[str, int] = {}

    def answer(self, method: str, url: str, headers: Any, body: bytes) -> tuple[int, Any, dict[str, str]]:
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        if path.endswith("/token") or path == "/oauth_token.do":
            return self.sign_in(headers, parse_qs(body.decode()))
        if self.failing:
            status, more = self.failing.pop(0)
            return status, {"message": "Not now."}, more
        if not self.is_signed_in(headers):
            return 401, {"error": {"message": "User Not Authenticated"}}, {}
        return (*self.take(method, path, query, json.loads(body) if body else None), {})

    def sign_in(self, headers: Any, form: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        basic = "Basic " + base64.b64encode(b"diligence:s3cret").decode()
        in_body = form.get("client_id") == ["diligence"] and form.get("client_secret") == ["s3cret"]
        if form.get("grant_type") != ["client_credentials"] or not (in_body or headers.get("Authorization") == basic):
            return 401, {"error": "invalid_client"}, {}
        self.issued += 1
        self.tokens.add(f"token-{self.issued}")
        return 200, {"access_token": f"token-{self.issued}", "token_type": "bearer", "expires_in": 1440}, {}

    def is_signed_in(self, headers: Any) -> bool:
        return headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens

    def take(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        raise NotImplementedError


class Ariba(HostSystem):
    def take(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if (method, path, query.get("realm")) != ("PATCH", "/suppliers", ["harbour"]):
            return 404, {"message": "Not found"}
        suppliers = body["suppliers"]
        self.batches.append(len(suppliers))
        if len(suppliers) > 100:
            return 400, {"message": "At most 100 suppliers."}
        for supplier in suppliers:
            for field in supplier["customFields"]:
                if field["name"] not in self.fields or PERSONAL.search(field["name"]):
                    return 400, {"message": f"Unknown custom field {field['name']}."}
        errors = [
            {"smVendorId": supplier["smVendorId"], "message": "Vendor not found."}
            for supplier in suppliers
            if supplier["smVendorId"] not in self.known
        ]
        for supplier in suppliers:
            if supplier["smVendorId"] in self.known:
                self.rows[supplier["smVendorId"]] = {
                    field["name"]: field["value"] for field in supplier["customFields"]
                }
        return 200, {"errors": errors}

    def is_signed_in(self, headers: Any) -> bool:
        return super().is_signed_in(headers) and headers.get("apiKey") == "app-key"


class Coupa(HostSystem):
    def take(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        feed, _, feed_id = path.removeprefix("/api/").partition("/")
        if feed != "supplier_risk_aware_feed":
            return 404, {"error": "Not found"}
        if method == "GET":
            number = query["supplier[number]"][0]
            return 200, [{"id": self.feeds[number]}] if number in self.feeds else []
        number = body.pop("supplier", {}).get("number") or next(
            (number for number, id_ in self.feeds.items() if str(id_) == feed_id), ""
        )
        self.batches.append(1)
        if number not in self.known:
            return 422, {"errors": {"supplier": ["Supplier must exist."]}, "message": "Supplier must exist."}
        for name, value in body.items():
            if not re.fullmatch(r"number-field-(0[1-9]|10)", name):
                return 400, {"message": f"{name} is not a field."}
            is_decimal = isinstance(value, int | float) and round(value, 4) == value and abs(value) < 10**28
            if value is not None and not is_decimal:
                return 400, {"message": f"{name} must be decimal(32,4)."}
        if method == "POST" and number in self.feeds:
            return 422, {"message": "This supplier has a feed."}
        self.feeds.setdefault(number, len(self.feeds) + 1)
        self.rows[number] = body
        return 201 if method == "POST" else 200, {"id": self.feeds[number]}


class ServiceNow(HostSystem):
    def is_signed_in(self, headers: Any) -> bool:
        basic = "Basic " + base64.b64encode(b"diligence:s3cret").decode()
        return headers.get("Authorization") == basic or super().is_signed_in(headers)

    def take(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if (method, path) != ("POST", "/api/now/import/u_diligence_score"):
            return 404, {"error": {"message": "Invalid table"}}
        self.batches.append(1)
        if not all(isinstance(value, str) for value in body.values()):
            return 400, {"error": {"message": "Strings only"}}
        party = body.pop("u_third_party")
        unknown = sorted(body.keys() - self.fields)
        score = body.get("u_raw_score", "")
        problem = (
            f"No field {unknown[0]}" if unknown
            else "Unknown third party" if party not in self.known
            else "Score out of range" if score and not 0 <= float(score) <= 100
            else ""
        )  # fmt: skip
        if problem:
            return 201, {"result": [{"status": "error", "error_message": problem}]}
        self.rows[party] = body
        return 201, {"result": [{"status": "inserted"}]}


class Salesforce(HostSystem):
    def take(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if (method, path) != ("PATCH", "/services/data/v62.0/composite/sobjects/Account/Supplier_Number__c"):
            return 404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
        records = body["records"]
        self.batches.append(len(records))
        if len(records) > 200 or body["allOrNone"] is not False:
            return 400, [{"errorCode": "EXCEEDED_MAX_SIZE_REQUEST", "message": "record count exceeds 200"}]
        return 200, [self.upsert(record) for record in records]

    def upsert(self, record: dict[str, Any]) -> dict[str, Any]:
        assert record.pop("attributes") == {"type": "Account"}
        number = record.pop("Supplier_Number__c")
        unknown = sorted(record.keys() - self.fields)
        if unknown:
            return {
                "success": False,
                "errors": [{"statusCode": "INVALID_FIELD", "message": f"No column '{unknown[0]}'"}],
            }
        if number not in self.known:  # an upsert would create an account, which needs a name
            missing = "Required fields are missing: [Name]"
            return {"success": False, "errors": [{"statusCode": "REQUIRED_FIELD_MISSING", "message": missing}]}
        self.rows[number] = record
        return {"success": True, "errors": [], "created": False}


@contextmanager
def serve(system: HostSystem) -> Iterator[str]:
    """Serve a system on this machine; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, value, headers = system.answer(self.command, self.path, self.headers, body)
            content = json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = handle_any  # noqa: N815  the names of http.server

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
