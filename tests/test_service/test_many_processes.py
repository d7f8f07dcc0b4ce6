"""Three web servers, three workers and three schedulers on one PostgreSQL database and one bucket."""

import json
import signal
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import pytest
import s3_server
from databases import Empty, connect, describe_addresses
from patience import wait_until
from sqlalchemy import func, select
from test_processes import Browser, find_free_port, running
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from service.auth.accounts import create_key, create_organisation
from service.db.job_tables import Job
from service.db.tables import Result

IMPORTS, SUPPLIERS = 12, 40
ROWS = "".join(f"S-{{0}}-{n},Invented Works {{0}} {n},Thailand,fishing\n" for n in range(SUPPLIERS))


@pytest.mark.long
def test_three_of_each_process_do_every_job_once_while_one_of_each_is_killed(
    postgresql: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bucket").mkdir()
    with ExitStack() as stack:
        engine = stack.enter_context(postgresql())
        bucket = stack.enter_context(s3_server.started(tmp_path / "bucket"))
        for name, value in bucket.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "secret-key").write_text("invented " * 8)
        environment = {
            **describe_addresses(engine),
            "DILIGENCE_BLOB_STORE_URL": "s3://diligence",
            "DILIGENCE_SECRET_KEY_FILE": str(tmp_path / "secret-key"),
            "DILIGENCE_PLAIN_HTTP": "1",
        }
        database = connect(engine)
        organisation = create_organisation(database, "Harbour Foods")
        key = create_key(database, "Harbour Foods", "Portal", ["imports:write", "suppliers:read"], 1)
        ports = [find_free_port() for _ in range(3)]
        webs, workers, schedulers = (
            [
                stack.enter_context(running(*command, **environment, DILIGENCE_DATA=str(tmp_path / f"{kind}-{n}")))
                for n, command in enumerate(commands)
            ]
            for kind, commands in (
                ("web", [("web", "--port", port) for port in ports]),
                ("worker", [("worker",)] * 3),
                ("scheduler", [("scheduler",)] * 3),
            )
        )
        portals = [Browser(f"http://127.0.0.1:{port}") for port in ports]
        wait_until(lambda: all(portal.is_up() for portal in portals))
        headers = {"Authorization": f"Bearer {key}"}
        sent = []
        for number in range(IMPORTS):
            data = "Reference,Supplier,Country,Sector\n" + ROWS.format(number)
            boundary, body = encode_multipart({"file": FileStorage(stream=BytesIO(data.encode()), filename="a.csv")})
            more = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
            portal = portals[number % 3]
            sent.append(json.loads(portal.get("/api/v1/imports", body, {**headers, **more}))["id"])
        for processes in (webs, workers, schedulers):
            processes[0].send_signal(signal.SIGKILL)

        def is_done(import_: str) -> bool:
            return json.loads(portals[1].get(f"/api/v1/imports/{import_}", None, headers))["state"] == "done"

        wait_until(lambda: all(map(is_done, sent)))
        assert all(process.poll() is None for processes in (webs, workers, schedulers) for process in processes[1:])
        with database.for_organisation(organisation, write=False) as session:
            assert session.scalars(select(func.count(Result.id))).one() == IMPORTS * SUPPLIERS  # none twice
            assert not session.scalars(select(func.count(Job.id)).where(Job.state == "failed")).one()
        assert not list(tmp_path.glob("*/blobs/*"))
