"""Keep the counts of suppliers (``SupplierCount``) in the database itself, in the transaction of every change and deletion.

New suppliers are counted together by ``supplier_counts.count_new``: on SQLite, a trigger on inserts would make each of them cost
twice as much, since a statement that also writes to another table keeps a copy of every page that it changes.

A migration that changes what is counted has to drop the triggers, count again and create them anew; so does one that makes the
table of suppliers anew, since SQLite drops a table with its triggers.
"""

from __future__ import annotations

from collections.abc import Sequence

LEVELS, PLACES, STEPS, OWN_STEPS, REVIEWS, CONFIDENCE = "level", "place", "step", "own_step", "review", "confidence"
LOW_COVERAGE = "low"
KEY = "organisation_id, facet, kind, value, detail"
SHARDS = {"sqlite": "0", "postgresql": "txid_current()"}  # to which a transaction adds

# What each facet counts by, for both databases or for each; {row} stands for the row of the supplier.
FACETS: dict[str, tuple[str | dict[str, str], str]] = {
    LEVELS: ("{row}.level", "{row}.inherent_level"),
    PLACES: ("{row}.country", "substr({row}.sector, 1, 2)"),
    STEPS: ("{row}.next_step", "NULL"),
    OWN_STEPS: ("{row}.own_step", "NULL"),
    REVIEWS: (
        {"sqlite": "CAST({row}.review_due AS TEXT)", "postgresql": "to_char({row}.review_due, 'YYYY-MM-DD')"},
        "NULL",
    ),
    CONFIDENCE: (
        {
            "sqlite": "printf('%04d', CAST(10 * coalesce({row}.confidence, 0) AS INTEGER))",
            "postgresql": "lpad(floor(10 * coalesce({row}.confidence, 0))::int::text, 4, '0')",
        },
        f"CASE WHEN coalesce({{row}}.coverage, 0) < 0.5 THEN '{LOW_COVERAGE}' END",
    ),
}


def select_counts(row: str, dialect: str, n: int, *, facets: Sequence[str] = tuple(FACETS), condition: str = "") -> str:
    """Return the select of what one supplier ("OLD" or "NEW"), or those of a table, add to the counts of some facets."""
    parts = []
    for facet in facets:
        value, detail = build_key(row, facet, dialect)
        conditions = [f"{row}.deleted_at IS NULL", f"{row}.latest_id IS NOT NULL", *([condition] if condition else ())]
        parts.append(
            f"SELECT {row}.organisation_id AS organisation_id, '{facet}' AS facet, {row}.kind AS kind, "
            f"{value} AS value, {detail} AS detail, {n} AS n"
            f"{'' if row in ('OLD', 'NEW') else f' FROM {row}'} WHERE {' AND '.join(conditions)}"
        )
    return " UNION ALL ".join(parts)


def build_key(row: str, facet: str, dialect: str) -> tuple[str, str]:
    """Return the expressions of value and detail by which a supplier is counted for a facet."""
    value, detail = ((each if isinstance(each, str) else each[dialect]).format(row=row) for each in FACETS[facet])
    return f"coalesce({value}, '')", f"coalesce({detail}, '')"


def add_rows(rows: str, shard: str) -> str:
    """Return the statement that adds rows to the counts; those of an organisation that is being erased are left out."""
    return (
        f"INSERT INTO supplier_count ({KEY}, shard, n) SELECT {KEY}, {shard}, sum(n) FROM ({rows}) AS changed "
        "WHERE EXISTS (SELECT 1 FROM organisation WHERE organisation.id = changed.organisation_id) "
        f"GROUP BY {KEY} HAVING sum(n) <> 0 "
        f"ON CONFLICT ({KEY}, shard) DO UPDATE SET n = supplier_count.n + excluded.n"
    )


def build_triggers(dialect: str) -> list[str]:
    """Return the statements that create the triggers on ``sqlite`` or ``postgresql``."""
    if dialect == "sqlite":
        create = "CREATE TRIGGER IF NOT EXISTS supplier_counted_on"
        return [
            f"{create}_delete AFTER DELETE ON supplier BEGIN {add_rows(select_counts('OLD', dialect, -1), '0')}; END",
            *(f"{create}_update_of_{facet} AFTER UPDATE ON supplier {_count_change(facet)}" for facet in FACETS),
        ]
    old, new = select_counts("OLD", dialect, -1), select_counts("NEW", dialect, 1)
    if dialect == "postgresql":
        return [
            "CREATE OR REPLACE FUNCTION count_supplier() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"{add_rows(f'{old} UNION ALL {new}', SHARDS[dialect])}; RETURN NULL; END $$",
            "CREATE OR REPLACE TRIGGER supplier_counted AFTER UPDATE OR DELETE ON supplier "
            "FOR EACH ROW EXECUTE FUNCTION count_supplier()",
        ]
    raise ValueError(f"unsupported kind of database: {dialect}")


def _count_change(facet: str) -> str:
    """Return condition and body of the trigger for an update on SQLite: a facet that has not changed costs next to nothing."""
    before, after = (
        f"({row}.deleted_at IS NULL AND {row}.latest_id IS NOT NULL, {row}.kind, "
        f"{', '.join(build_key(row, facet, 'sqlite'))})"
        for row in ("OLD", "NEW")
    )
    old, new = (select_counts(row, "sqlite", n, facets=[facet]) for row, n in (("OLD", -1), ("NEW", 1)))
    return f"WHEN {before} IS NOT {after} BEGIN {add_rows(f'{old} UNION ALL {new}', '0')}; END"
