"""The routes of remediation: findings, steps, remedy accounts, exit papers and retaliation watches."""

from __future__ import annotations

from service.api import exit_papers, plan_workbook, remediation, remedy_accounts, retaliation
from service.api.route import FileTypes, Multipart, Route
from service.api.schemas.exit_papers import EXIT_PAPER
from service.api.schemas.files import SPREADSHEETS
from service.api.schemas.plan_workbook import PLAN_WORKBOOK_UPLOAD, PlanWorkbookChangesSchema, PlanWorkbookQuerySchema
from service.api.schemas.remediation import (
    FINDING_CHANGE,
    FINDING_PAGE,
    STEP_CHANGE,
    STEP_EVIDENCE,
    STEP_PAGE,
    FindingQuerySchema,
    RemediationFindingSchema,
    RemediationStepSchema,
    StepQuerySchema,
)
from service.api.schemas.remedy_accounts import PaymentSchema, RemedyAccountChangeSchema, RemedyAccountSchema
from service.api.schemas.retaliation import WATCH_PAGE, RetaliationWatchSchema, WatchQuerySchema

ROUTES: tuple[Route, ...] = (
    Route("GET", "/findings", "list_findings", remediation.list_findings,
          "List findings, oldest first.", FINDING_PAGE, query=FindingQuerySchema()),
    Route("GET", "/findings/<finding_id>", "get_finding", remediation.get_finding, "Get a finding.", RemediationFindingSchema(),
          versioned=True),
    Route("PATCH", "/findings/<finding_id>", "change_finding", remediation.change_finding,
          "Change the state, severity or involvement of a finding. Only people, not API keys, can mark it remedied "
          "or close it.",
          RemediationFindingSchema(), transaction="write", body=FINDING_CHANGE, versioned=True, reading="remediation:read"),
    Route("GET", "/steps", "list_steps", remediation.list_steps,
          "List the steps that findings call for: those that protect people first, then by due date.", STEP_PAGE,
          query=StepQuerySchema()),
    Route("GET", "/steps/<step_id>", "get_step", remediation.get_step, "Get a step.", RemediationStepSchema(), versioned=True,
          withholds=True),
    Route("PATCH", "/steps/<step_id>", "change_step", remediation.change_step,
          "Change the owner, the due date or the state of a step. Only people, not API keys, can verify or close it.",
          RemediationStepSchema(), transaction="write", body=STEP_CHANGE, versioned=True, reading="remediation:read"),
    Route("POST", "/steps/<step_id>/evidence", "add_step_evidence", remediation.add_evidence,
          "Add evidence that a step was taken. The step then waits for verification.", RemediationStepSchema(), (201,), "write",
          body=STEP_EVIDENCE, reading="remediation:read"),
    Route("GET", "/plan-workbook", "download_plan_workbook", plan_workbook.download_workbook,
          "Download the open steps as a workbook that can be filled in and uploaded again.", FileTypes.of("xlsx"),
          transaction="own", query=PlanWorkbookQuerySchema()),
    Route("POST", "/plan-workbook", "upload_plan_workbook", plan_workbook.upload_workbook,
          "Change steps with a completed workbook. If the workbook contains any error, nothing is saved.",
          PlanWorkbookChangesSchema(),
          transaction="write", form=Multipart(PLAN_WORKBOOK_UPLOAD, {"file": SPREADSHEETS[:3]}), reading="remediation:read",
          prepare=plan_workbook.read_upload),
    Route("GET", "/remedy-accounts/<account_id>", "get_remedy_account", remedy_accounts.get_account,
          "Get a remedy account: what workers are owed and have been paid under one calculation.",
          RemedyAccountSchema(), (200, 304),
          versioned=True),
    Route("PATCH", "/remedy-accounts/<account_id>", "change_remedy_account", remedy_accounts.change_account,
          "Record how many workers could not be found, what was done for them, and why workers are still owed money.",
          RemedyAccountSchema(), transaction="write", body=RemedyAccountChangeSchema(), versioned=True,
          reading="remediation:read"),
    Route("DELETE", "/remedy-accounts/<account_id>", "delete_remedy_account", remedy_accounts.delete_account,
          "Delete a remedy account for which no payment has been recorded.", None, (204,), "write", versioned=True),
    Route("PUT", "/remedy-accounts/<account_id>/instalments/<number>/payment", "put_remedy_payment",
          remedy_accounts.put_payment, "Record that an instalment was paid. Only a person can confirm the payment with workers.",
          RemedyAccountSchema(), transaction="write", body=PaymentSchema(), versioned=True, reading="remediation:read"),
    Route("GET", "/exit-papers/<exit_paper_id>", "get_exit_paper", exit_papers.get_paper,
          "Get an exit paper: a proposal to leave a supplier.", EXIT_PAPER, (200, 304), versioned=True),
    Route("PUT", "/exit-papers/<exit_paper_id>", "put_exit_paper", exit_papers.put_paper,
          "Replace the content of an exit paper that is a draft or was returned.", EXIT_PAPER, transaction="write",
          body=EXIT_PAPER, versioned=True, reading="remediation:read"),
    Route("GET", "/retaliation-watches", "list_retaliation_watches", retaliation.list_watches,
          "List the retaliation watches, oldest first. Keys that cannot read cases get an empty list.", WATCH_PAGE,
          query=WatchQuerySchema()),
    Route("GET", "/retaliation-watches/<watch_id>", "get_retaliation_watch", retaliation.get_watch,
          "Get a retaliation watch with its checks.", RetaliationWatchSchema(), (200, 304), versioned=True),
)  # fmt: skip
