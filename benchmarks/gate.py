"""Measure the onboarding decision: `python benchmarks/gate.py` prints times and ratios; README.md explains them.

A server (waitress) runs in a separate process, as with `diligence web`, on a database with only one agency. 32 clients in this
process call it over persistent connections, one route after another in each round.
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

from questionnaires.form import build_answers_schema, load_combined_form
from questionnaires.validation.json_answers import validate_answers
from service.clock import today

CLIENTS = 32
MOST_P95 = 300.0  # milliseconds
MOST_RATIO = 3.0  # of CPU time
MOST_P95_RATIO = 2.5
SERVER = """
import sys
from pathlib import Path
from service.wiring.app import create_app
from service.auth import keys
from service.clock import now
from service.db.session import Database, open_engine
from service.db.tables import Base, Organisation, new_id
from service.log import configure_logging
from service.wiring.processes import preload_data
from service.settings import Settings
from service.wiring.server import Server

folder = Path(sys.argv[1])
configure_logging("INFO", (folder / "log").open("w"))
database = Database(open_engine(f"sqlite:///{folder / 'gate.db'}"))
Base.metadata.create_all(database.engine)
organisation = Organisation(id=new_id(), name="Harbour Foods", time_zone="UTC", created_at=now())
with database.unscoped() as session:
    session.add(organisation)
with database.for_organisation(organisation.id) as session:
    key = keys.create_key(session, "Bench", ["assess", "schedules:write", "suppliers:write"], 1, "system:bench")[1]
settings = Settings(data=folder, plain_http=True, port=0, api_per_minute=100_000_000)
app = create_app(settings, database.for_requests())
preload_data(app)
server = Server(app, settings)
print(server.port, key, flush=True)
server.stop_on_signals()
server.run(1)
"""
# The service caches the inherent risk of each place, so each request is for a different country.
COUNTRIES = "TH VN ID BD IN CN MY PK KH LK TR MX BR PT TW QA JO MU KR JP PH NO DE GH".split()
FEW_ANSWERS = {"country": "TH", "sector": "1020"}
SOME_ANSWERS = {
    "name": "Blue Pier Cannery", "country": "TH", "sector": ["1020"], "product": "frozen shrimp", "workers_total": 420,
    "migrant_pct": 60, "worker_origin_countries": ["MM", "KH"], "agencies": ["Swift Hands"], "uses_agencies": "yes",
    "evidence_grade": "audit", "evidence_date": "2026-06-01", "weekly_hours": 58, "months_since_monitoring": 4,
}  # fmt: skip


@dataclass(frozen=True)
class Round:
    """How many milliseconds each request took, and how many milliseconds of CPU time the server used per request."""

    times: list[float]
    cpu: float


def build_full_answers() -> dict[str, object]:
    """Return a supplier that also answers every multiple-choice question: the largest request for a decision.

    Each answer is the first one that contradicts none of the others.
    """
    form, on = load_combined_form("site"), today("UTC").isoformat()
    answers = build_answers_schema(form, on).load(SOME_ANSWERS)
    chosen: dict[str, object] = {}
    for question in form.questions:
        if question.type == "choice" and question.id not in answers:
            codes = [choice.code for choice in question.choices]
            chosen[question.id] = next(
                code for code in codes if not validate_answers(form, {**answers, **chosen, question.id: code}, on)[1]
            )
    return {**chosen, **SOME_ANSWERS}


def read_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process and its children have used."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if pid in (int(stat.parent.name), int(fields[1])):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def call(connection: http.client.HTTPConnection, method: str, path: str, key: str, body: bytes | None) -> None:
    """Send a request. If the response has an error status, the benchmark stops."""
    headers = {"Authorization": f"Bearer {key}"} | ({"Content-Type": "application/json"} if body else {})
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    if response.status not in (200, 201):
        raise SystemExit(f"{method} {path}: {response.status} {content[:300]!r}")


def build_bodies(body: dict[str, object]) -> list[bytes]:
    """Return variants of a request body for suppliers in different countries and of different sizes."""
    return [json.dumps({**body, "country": code, "workers_total": 90 + i}).encode() for i, code in enumerate(COUNTRIES)]


def run_round(pid: int, port: int, key: str, method: str, path: str, bodies: list[bytes], requests: int) -> Round:
    """Send a number of requests from all clients at once, using the bodies in turn, and measure them."""
    times: list[float] = []

    def send_requests() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for count in range(requests // CLIENTS):
            start = time.perf_counter()
            call(connection, method, path, key, bodies[count % len(bodies)] if bodies else None)
            times.append(1000 * (time.perf_counter() - start))
        connection.close()

    cpu_before = read_cpu_seconds(pid)
    # If a thread fails, it ends without an error, and there are fewer times than requests.
    threads = [threading.Thread(target=send_requests) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(times) < requests // CLIENTS * CLIENTS:
        raise SystemExit(f"{method} {path} was refused")
    return Round(times, 1000 * (read_cpu_seconds(pid) - cpu_before) / len(times))


def compute_p95(times: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(times, n=20)[-1]


def main() -> None:
    """Run the benchmark and print its results. The exit status is 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=320, help="number of requests to each route per round")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    routes = {
        "live": ("GET", "/health/live", None),
        "bare": ("GET", "/api/v1/schedules", None),
        "gate, country and sector": ("POST", "/api/v1/assessments", FEW_ANSWERS),
        "gate, some answers": ("POST", "/api/v1/assessments", SOME_ANSWERS),
        "gate, every choice": ("POST", "/api/v1/assessments", build_full_answers()),
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
            connection = http.client.HTTPConnection("127.0.0.1", port)
            call(
                connection,
                "PUT",
                "/api/v1/agencies/A-1",
                key,
                json.dumps({"name": "Swift Hands", "country": "NP"}).encode(),
            )
            rounds: dict[str, list[Round]] = {name: [] for name in routes}
            for count in range(options.rounds + 1):  # the first round is a warm-up
                for name, (method, path, body) in routes.items():
                    bodies = [] if body is None else build_bodies(body)
                    result = run_round(server.pid, port, key, method, path, bodies, options.requests)
                    if count:
                        rounds[name].append(result)
        finally:
            server.terminate()
            server.wait()
    cpu = {name: statistics.median(round_.cpu for round_ in results) for name, results in rounds.items()}
    p95 = {name: compute_p95([ms for round_ in results for ms in round_.times]) for name, results in rounds.items()}

    def compute_ratio(name: str, reference: str) -> float:
        """Return the CPU time as a multiple of another route's in the same round, so that the machine's speed does not matter."""
        return statistics.median(a.cpu / b.cpu for a, b in zip(rounds[name], rounds[reference], strict=True))

    def compute_p95_ratio(name: str) -> float:
        """Return the p95 as a multiple of that of *bare* in the same round."""
        pairs = zip(rounds[name], rounds["bare"], strict=True)
        return statistics.median(compute_p95(a.times) / compute_p95(b.times) for a, b in pairs)

    print(f"{'route':28}{'p95 ms':>10}{'x bare':>10}{'CPU ms':>10}{'x bare':>10}{'x live':>10}")
    for name in routes:
        ratios = f"{compute_ratio(name, 'bare'):10.2f}{compute_ratio(name, 'live'):10.2f}"
        print(f"{name:28}{p95[name]:10.1f}{compute_p95_ratio(name):10.2f}{cpu[name]:10.2f}{ratios}")
    gates = [name for name in routes if name.startswith("gate")]
    within_limits = all(
        p95[name] <= MOST_P95
        and compute_p95_ratio(name) <= MOST_P95_RATIO
        and compute_ratio(name, "bare") <= MOST_RATIO
        for name in gates
    )
    print(
        "met:" if within_limits else "not met:",
        f"p95 at most {MOST_P95:.0f} ms and {MOST_P95_RATIO} times bare, CPU time at most {MOST_RATIO} times bare",
    )
    raise SystemExit(0 if within_limits else 1)


if __name__ == "__main__":
    main()
