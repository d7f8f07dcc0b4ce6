"""If-Match and If-None-Match hold when several clients send at once: of those that name the same version, one gets through."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from callers import make_organisation
from examples import TIMES
from flask import Flask
from portal import Portal, make_portal
from werkzeug.test import TestResponse

from service.db.session import Database
from service.settings import Settings
from service.wiring.app import connect

CLIENTS, ROUNDS = 4, 3 * TIMES
LITTLE = {"name": "Blue Pier", "country": "TH"}
pytestmark = pytest.mark.fault
KINDS = pytest.mark.parametrize("path", ["suppliers", "agencies"])


@pytest.fixture
def clients(served: Flask, database: Database, tmp_path: Path) -> Portal:
    """A portal on each kind of database, whose clients send from threads of their own."""
    connect(served, Settings(data=tmp_path, plain_http=True, api_per_minute=10_000), database)
    return make_portal(served, make_organisation(database))


def send_at_once(*requests: Callable[[], TestResponse]) -> list[int]:
    """Return the statuses of requests that start together."""
    start = Barrier(len(requests))

    def send(request: Callable[[], TestResponse]) -> int:
        start.wait()
        return request().status_code

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(send, requests))


def name_supplier(name: str) -> dict[str, str]:
    return {**LITTLE, "name": name}


@KINDS
def test_of_several_clients_that_create_one_supplier_only_one_does(clients: Portal, path: str):
    for number in range(ROUNDS):
        address = f"/{path}/S-{number}"
        puts = [
            lambda name=f"Pier {client}", address=address: clients.put(address, name_supplier(name), If_None_Match="*")
            for client in range(CLIENTS)
        ]
        assert Counter(send_at_once(*puts)) == {201: 1, 412: CLIENTS - 1}
        assert len(clients.get(f"{address}/assessments").json["items"]) == 1


@KINDS
def test_of_several_changes_to_one_version_only_one_is_made(clients: Portal, path: str):
    for number in range(ROUNDS):
        address = f"/{path}/S-{number}"
        tag = clients.put(address, LITTLE).headers["ETag"]
        puts = [
            lambda name=f"Pier {client}", address=address, tag=tag: clients.put(
                address, name_supplier(name), If_Match=tag
            )
            for client in range(CLIENTS)
        ]
        assert Counter(send_at_once(*puts)) == {200: 1, 412: CLIENTS - 1}


@KINDS
def test_a_version_is_either_changed_or_erased(clients: Portal, path: str):
    for number in range(ROUNDS):
        address = f"/{path}/S-{number}"
        tag = clients.put(address, LITTLE).headers["ETag"]

        def erase(address: str = address, tag: str = tag) -> TestResponse:
            return clients.call("DELETE", address, headers={"If-Match": tag})

        def change(address: str = address, tag: str = tag) -> TestResponse:
            return clients.put(address, name_supplier("Pier"), If_Match=tag)

        statuses = send_at_once(erase, change)
        assert statuses in ([204, 412], [412, 200])
        assert clients.get(address).status_code == (404 if statuses[0] == 204 else 200)


@KINDS
def test_clients_without_a_condition_all_get_through(clients: Portal, path: str):
    puts = [lambda name=f"Pier {client}": clients.put(f"/{path}/S-1", name_supplier(name)) for client in range(CLIENTS)]
    assert Counter(send_at_once(*puts)) == {201: 1, 200: CLIENTS - 1}
    assert len(clients.get(f"/{path}/S-1/assessments").json["items"]) == CLIENTS
