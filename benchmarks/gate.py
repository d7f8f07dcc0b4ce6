"""What the onboarding gate costs: `python benchmarks/gate.py` prints times and ratios; README.md says what they mean.

A server is started in a process of its own, as `diligence web` starts it (waitress), on an empty database with an agency in it;
eight clients in this process call it over kept-alive connections, round by round on each route.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from questionnaires.form import load_combined_form

CLIENTS = 8
MOST_P95 = 300.0  # milliseconds
MOST_RATIO = 3.0
SERVER = """
import sys
from pathlib import Path
import waitress
from service.wiring.app import create_app
from service.auth import keys
from service.clock import now
from service.db.session import Database, open_engine
from service.db.tables import Base, Organisation, new_id
from service.log import set_up
from service.wiring.processes import read_data
from service.settings import Settings

folder = Path(sys.argv[1])
set_up("INFO", (folder / "log").open("w"))
database = Database(open_engine(f"sqlite:///{folder / 'gate.db'}"))
Base.metadata.create_all(database.engine)
organisation = Organisation(id=new_id(), name="Harbour Foods", time_zone="UTC", created_at=now())
with database.across() as session:
    session.add(organisation)
with database.of(organisation.id) as session:
    key = keys.create(session, "Bench", ["assess", "schedules:write", "suppliers:write"], 1, "system:bench")[1]
app = create_app(Settings(data=folder, plain_http=True, api_per_minute=100_000_000), database)
read_data(app)
server = waitress.create_server(app, host="127.0.0.1", port=0, threads=8)
print(server.effective_port, key, flush=True)
server.run()
"""
# The gate remembers the inherent risk of a place it has seen: so no request is like the one before it.
COUNTRIES = "TH VN ID BD IN CN MY PK KH LK TR MX BR PT TW QA JO MU KR JP PH NO DE GH".split()
LITTLE = {"country": "TH", "sector": "1020"}
WHOLE = {
    "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "product": "frozen shrimp", "workers_total": 420,
    "migrant_pct": 60, "worker_origin_countries": ["MM", "KH"], "agencies": ["Swift Hands"], "uses_agencies": "yes",
    "evidence_grade": "audit", "evidence_date": "2026-06-01", "weekly_hours": 58, "months_since_monitoring": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Round:
    """Milliseconds of each request, and CPU milliseconds of the server for one."""

    times: list[float]
    cpu: float


def answered() -> dict[str, object]:
    """A supplier that answers every question with a choice as well: what the gate gets at its fullest."""
    choices = {q.id: q.choices[0].code for q in load_combined_form("site").questions if q.type == "choice"}
    return {**choices, **WHOLE}


def cpu_of(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def call(connection: http.client.HTTPConnection, method: str, path: str, key: str, body: bytes | None) -> None:
    headers = {"Authorization": f"Bearer {key}"} | ({"Content-Type": "application/json"} if body else {})
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status not in (200, 201):
        raise SystemExit(f"{method} {path}: {answer.status} {said[:300]!r}")


def bodies(body: dict[str, object]) -> list[bytes]:
    """The body as suppliers of many countries and sizes send it."""
    return [json.dumps({**body, "country": code, "workers_total": 90 + i}).encode() for i, code in enumerate(COUNTRIES)]


def one_round(pid: int, port: int, key: str, method: str, path: str, sent: list[bytes], requests: int) -> Round:
    """So many requests by eight clients at once, with each of the bodies in turn."""
    times: list[float] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for count in range(requests // CLIENTS):
            began = time.perf_counter()
            call(connection, method, path, key, sent[count % len(sent)] if sent else None)
            times.append(1000 * (time.perf_counter() - began))
        connection.close()

    before = cpu_of(pid)
    # A thread that fails ends silently: then there are fewer times than requests.
    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(times) < requests // CLIENTS * CLIENTS:
        raise SystemExit(f"{method} {path} was refused")
    return Round(times, 1000 * (cpu_of(pid) - before) / len(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="requests on each route in a round")
    parser.add_argument("--rounds", type=int, default=11)
    told = parser.parse_args()
    routes = {
        "live": ("GET", "/health/live", None),
        "bare": ("GET", "/api/v1/schedules", None),
        "gate, country and sector": ("POST", "/api/v1/assessments", LITTLE),
        "gate, some answers": ("POST", "/api/v1/assessments", WHOLE),
        "gate, every choice": ("POST", "/api/v1/assessments", answered()),
    }
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, folder], env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            port_text, key = server.stdout.readline().split()
            port = int(port_text)
            warm = http.client.HTTPConnection("127.0.0.1", port)
            call(
                warm, "PUT", "/api/v1/agencies/A-1", key, json.dumps({"name": "Swift Hands", "country": "NP"}).encode()
            )
            rounds: dict[str, list[Round]] = {name: [] for name in routes}
            for count in range(told.rounds + 1):  # the first warms up
                for name, (method, path, body) in routes.items():
                    sent = [] if body is None else bodies(body)
                    measured = one_round(server.pid, port, key, method, path, sent, told.requests)
                    if count:
                        rounds[name].append(measured)
        finally:
            server.terminate()
            server.wait()
    cpu = {name: statistics.median(r.cpu for r in of) for name, of in rounds.items()}
    p95 = {name: statistics.quantiles([t for r in of for t in r.times], n=20)[-1] for name, of in rounds.items()}

    def times(name: str, of: str) -> float:
        """CPU as a multiple of another route, round by round: a machine that changes its speed changes both."""
        return statistics.median(a.cpu / b.cpu for a, b in zip(rounds[name], rounds[of], strict=True))

    print(f"{'route':28}{'p95 ms':>10}{'CPU ms':>10}{'x bare':>10}{'x live':>10}")
    for name in routes:
        print(f"{name:28}{p95[name]:10.1f}{cpu[name]:10.2f}{times(name, 'bare'):10.2f}{times(name, 'live'):10.2f}")
    gates = [name for name in routes if name.startswith("gate")]
    held = all(p95[name] <= MOST_P95 and times(name, "bare") <= MOST_RATIO for name in gates)
    print("held" if held else "not held", f"(p95 at most {MOST_P95:.0f} ms, CPU at most {MOST_RATIO} times bare)")
    raise SystemExit(0 if held else 1)


if __name__ == "__main__":
    main()
