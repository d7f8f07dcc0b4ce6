"""The routes of case records, and what waits for an approver."""

from __future__ import annotations

from service.api import approvals, cases, erasure
from service.api.route import Route
from service.api.schemas.approvals import APPROVALS
from service.api.schemas.cases import (
    CASE_CLOSING,
    CASE_CORRECTION,
    CASE_PAGE,
    NEW_CASE,
    NOTE_CORRECTION,
    CaseDeletionQuerySchema,
    CaseQuerySchema,
    CaseSchema,
    FindingSchema,
)
from service.api.schemas.erasure import ErasurePreviewSchema

ROUTES: tuple[Route, ...] = (
    Route("GET", "/approvals", "list_approvals", approvals.list_approvals,
          "List what is waiting for an approver's decision. API keys cannot make decisions.", APPROVALS),
    Route("GET", "/cases", "list_cases", cases.list_cases, "List case records, strongest evidence first.", CASE_PAGE,
          query=CaseQuerySchema()),
    Route("POST", "/cases", "open_case", cases.open_case,
          "Create a case about one group of people. The case must not identify anyone.",
          CaseSchema(), (201,), "write", body=NEW_CASE, reading="cases:read"),
    Route("GET", "/cases/<case_id>", "get_case", cases.get_case,
        "Get a case with its findings, interpretation and first steps.",
          CaseSchema()),
    Route("PATCH", "/cases/<case_id>", "correct_case", cases.correct_case,
          "Correct the texts that describe a case. The audit trail records which fields changed, but not what they "
          "contained.",
          CaseSchema(), transaction="write", body=CASE_CORRECTION, reading="cases:read"),
    Route("DELETE", "/cases/<case_id>", "delete_case", cases.delete_case,
          "Delete a case, and reassess its supplier without it. An approver must close an emergency first.", None, (204,),
          "write", query=CaseDeletionQuerySchema()),
    Route("GET", "/cases/<case_id>/erasure", "preview_case_erasure", erasure.preview_case,
          "Preview what deleting a case would do, and which backups contain it. Nothing is deleted.", ErasurePreviewSchema()),
    Route("PATCH", "/cases/<case_id>/findings/<number>", "correct_note", cases.correct_note,
          "Replace or remove the note on a finding. The finding itself remains.", CaseSchema(), transaction="write",
          body=NOTE_CORRECTION, reading="cases:read"),
    Route("POST", "/cases/<case_id>/findings", "add_finding", cases.add_finding,
          "Add a finding to a case. A closed case is reopened.", CaseSchema(), (201,), "write", body=FindingSchema(),
          reading="cases:read"),
    Route("POST", "/cases/<case_id>/close", "close_case", cases.close_case, "Close a case.", CaseSchema(), (200,),
          "write", body=CASE_CLOSING, reading="cases:read"),
)  # fmt: skip
