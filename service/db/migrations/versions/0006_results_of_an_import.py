"""Add an index that finds the results of an import without reading all results; the page of an import needs them four times."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """From 0005."""
    op.create_index("result_of_import", "result", ["organisation_id", "import_id", "supplier_id"])
