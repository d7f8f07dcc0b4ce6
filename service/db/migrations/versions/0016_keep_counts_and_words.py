"""Fill the counts and words of the suppliers that are stored, then create the triggers and indexes that keep and use them.

``fill`` works in portions, each in a transaction of its own with the point that it has reached (``fill_progress``, which exists
only between 0015 and 0016): a migration that is interrupted continues there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from service.db.count_triggers import build_triggers
from service.db.supplier_counts import add_counts
from service.db.supplier_words import build_sort_name, list_words

revision = "0016"
down_revision = "0015"

PORTION = 2000  # suppliers, or changes
PROGRESS = sa.table("fill_progress", sa.column("supplier_id"), sa.column("change_id"))
SUPPLIER = sa.table("supplier", *map(sa.column, ("id", "organisation_id", "kind", "name", "reference", "sort_name")))
ALIAS = sa.table("merged_key", sa.column("supplier_id"), sa.column("named"))
WORD = sa.table("supplier_word", *map(sa.column, ("organisation_id", "kind", "word", "supplier_id")))
KEY = ("kind", "key")
QUEUE = ("rank", "inherent DESC", "worst DESC", "score DESC", *KEY)
PLACE, DIVISION = "coalesce(country, '')", "coalesce(substr(sector, 1, 2), '')"
INDEXES = {
    "supplier_queue": QUEUE,
    "supplier_queue_of_kind": ("kind", *QUEUE[:-2], "key"),
    "supplier_queue_of_level": ("level", *QUEUE),
    "supplier_queue_of_inherent_level": ("inherent_level", *QUEUE),
    "supplier_queue_of_place": (PLACE, *QUEUE),
    "supplier_queue_of_division": (DIVISION, *QUEUE),
    "supplier_queue_of_step": ("next_step", *QUEUE),
    "supplier_queue_of_own_step": ("own_step", *QUEUE),
    "supplier_queue_of_review": ("review_due", *QUEUE),
    "supplier_of_company": ("company_key",),
    "supplier_cell": (PLACE, DIVISION, "rank", "inherent DESC", "score DESC", *KEY),
    "supplier_by_name": ("sort_name", *KEY),
    "supplier_by_score": ("score DESC", *KEY),
    "supplier_by_range": ("(worst - best) DESC", *KEY),
    "supplier_by_confidence": ("confidence", *KEY),
    "supplier_by_coverage": ("coverage", *KEY),
}


def fill(connection: sa.Connection) -> bool:
    """Fill the next portion; return whether anything was left to fill."""
    return _fill_suppliers(connection) or _fill_changes(connection)


def _fill_suppliers(connection: sa.Connection) -> bool:
    after = connection.scalar(sa.select(PROGRESS.c.supplier_id))
    suppliers = connection.execute(
        sa.select(SUPPLIER).where(SUPPLIER.c.id > after).order_by(SUPPLIER.c.id).limit(PORTION)
    ).all()
    if not suppliers:
        return False
    last = suppliers[-1].id
    aliases: dict[str, list[str]] = {}
    of_portion = sa.and_(ALIAS.c.supplier_id > after, ALIAS.c.supplier_id <= last)
    for supplier_id, named in connection.execute(sa.select(ALIAS.c.supplier_id, ALIAS.c.named).where(of_portion)):
        aliases.setdefault(supplier_id, []).append(named)
    words = [
        {"organisation_id": each.organisation_id, "kind": each.kind, "supplier_id": each.id, "word": word}
        for each in suppliers
        for word in list_words((each.name, each.reference, *aliases.get(each.id, ())))
    ]
    if words:
        connection.execute(sa.insert(WORD), words)
    named_supplier = sa.update(SUPPLIER).where(SUPPLIER.c.id == sa.bindparam("of")).values(sort_name=sa.bindparam("to"))
    connection.execute(named_supplier, [{"of": each.id, "to": build_sort_name(each.name)} for each in suppliers])
    add_counts(connection, after, last)
    connection.execute(sa.update(PROGRESS).values(supplier_id=last))
    return True


def _fill_changes(connection: sa.Connection) -> bool:
    after = int(connection.scalar(sa.select(PROGRESS.c.change_id)) or 0)
    newest = connection.scalar(sa.text("SELECT max(id) FROM change")) or 0
    if after >= newest:
        return False
    before = "data ->> 'from'" if connection.dialect.name == "postgresql" else "json_extract(data, '$.from')"
    moved = f"UPDATE change SET level_before = {before} WHERE kind = 'level_moved' AND id > :after AND id <= :last"
    connection.execute(sa.text(moved), {"after": after, "last": after + PORTION})
    connection.execute(sa.update(PROGRESS).values(change_id=after + PORTION))
    return True


def upgrade() -> None:
    """From 0015, after the portions that are left."""
    connection = op.get_bind()
    while fill(connection):
        pass
    op.drop_table("fill_progress")
    op.create_index("words_of_supplier", "supplier_word", ["supplier_id", "word"])
    op.drop_index("supplier_queue", "supplier")
    op.drop_index("ix_supplier_company_key", "supplier")
    for name, columns in INDEXES.items():
        op.create_index(name, "supplier", ["organisation_id", *map(sa.text, columns)])
    moved = sa.text("level_before IS NOT NULL")
    op.create_index(
        "level_changes",
        "change",
        ["organisation_id", sa.text("at DESC"), sa.text("id DESC")],
        postgresql_where=moved,
        sqlite_where=moved,
    )
    for statement in build_triggers(connection.dialect.name):
        op.execute(statement)
    if connection.dialect.name == "sqlite":
        write_statistics(connection)


def write_statistics(connection: sa.Connection) -> None:
    """Tell SQLite that an organisation has many rows. Without statistics it takes an organisation to be a good key, and reads
    all rows of one to find some by their ids.
    """
    connection.exec_driver_sql("ANALYZE sqlite_master")  # creates the table of statistics
    connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    indexes = connection.exec_driver_sql("SELECT tbl_name, name FROM sqlite_master WHERE type = 'index'").all()
    for table, index in indexes:
        columns = connection.exec_driver_sql("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (index,)).scalars()
        first, *others = columns.all()
        if first == "organisation_id":
            rows = [1_000_000, 500_000, *(max(1, 20_000 // 10**i) for i in range(len(others)))]
            connection.exec_driver_sql(
                "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", (table, index, " ".join(map(str, rows)))
            )
