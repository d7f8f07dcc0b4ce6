"""The objects that belong to suppliers, by the names under which the audit trail records events about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.case_tables import StoredCase
from service.db.exit_tables import ExitPaper
from service.db.link_tables import SupplierLink
from service.db.redress_tables import RemedyAccount
from service.db.remediation_tables import Finding, Reply, Step
from service.db.retaliation_tables import RetaliationWatch
from service.db.session import chunks
from service.db.tables import QuestionnaireRequest
from service.db.watchlist_tables import WatchlistMatch
from service.db.worker_voice_tables import WorkerSurvey

TABLES: Mapping[str, Any] = {
    "asking": QuestionnaireRequest,
    "case": StoredCase,
    "exit_paper": ExitPaper,
    "finding": Finding,
    "remedy_account": RemedyAccount,
    "reply": Reply,
    "retaliation_watch": RetaliationWatch,
    "step": Step,
    "supplier_link": SupplierLink,
    "watchlist_match": WatchlistMatch,
    "worker_survey": WorkerSurvey,
}


def list_object_ids(
    session: Session, supplier_ids: Collection[str], types: Collection[str] = tuple(TABLES)
) -> dict[str, list[str]]:
    """Return the ids of what belongs to some suppliers, by type of object, without the suppliers themselves.

    ``types``: those that are wanted, by default all.
    """
    return {
        object_type: [
            object_id
            for chunk in chunks(sorted(supplier_ids))
            for object_id in session.scalars(
                select(TABLES[object_type].id)
                .where(TABLES[object_type].supplier_id.in_(chunk))
                .order_by(TABLES[object_type].id)
            )
        ]
        for object_type in types
    }
