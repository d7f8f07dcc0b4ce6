"""The results of an import are found without reading all results: its page asks for them four times."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """From 0005."""
    op.create_index("result_of_import", "result", ["organisation_id", "import_id", "supplier_id"])
