"""All routes of the API in one list. ``service/auth/access.toml`` says who may call them."""

from __future__ import annotations

from functools import cache

import orjson
from flask import Blueprint, Flask, Response

from reports.formats import ALL_FORMATS, FORMATS
from service.api import (
    admin,
    cases,
    column_mappings,
    erasure,
    evidence,
    files,
    handler,
    health,
    identity,
    method,
    metrics,
    openapi,
    overview,
    own_practices,
    questionnaire_requests,
    release,
    repayment,
    schedules,
    views,
    watchlists,
    what_if,
)
from service.api.rate_limit import RateLimiter
from service.api.route import FileTypes, Multipart, Route
from service.api.schemas.admin import (
    AUDIT_PAGE,
    FILTERS,
    KEYS,
    NEW_USER,
    ORGANISATION_CHANGE,
    USER_CHANGE,
    USERS,
    AuditQuerySchema,
    FilterSchema,
    KeyHandoverSchema,
    KeySchema,
    KeyWithTextSchema,
    OrganisationSchema,
    UserSchema,
    UserWithPasswordSchema,
)
from service.api.schemas.assessments import AssessmentSchema, DecisionRequestSchema, ScoreChangeSchema
from service.api.schemas.base import PageQuerySchema
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
from service.api.schemas.erasure import ErasurePreviewSchema, ImportErasureQuerySchema
from service.api.schemas.evidence import (
    EVIDENCE_PIECES,
    BulkOutcomeSchema,
    ChosenPiecesSchema,
    ClaimedPiecesSchema,
    ClaimedQuerySchema,
    EvidenceConfirmationSchema,
    MatchingPiecesSchema,
    NewEvidencePieceSchema,
)
from service.api.schemas.files import (
    COLUMN_MAPPINGS,
    IMPORT_PAGE,
    JOB_PAGE,
    REPORT_PAGE,
    SPREADSHEETS,
    UPLOAD,
    ImportConfirmationSchema,
    ImportQuerySchema,
    ImportSchema,
    JobSchema,
    LayoutChangeSchema,
    LayoutSchema,
    MarkedFileQuerySchema,
    ReportSchema,
)
from service.api.schemas.identity import (
    MERGE_PAGE,
    PROPOSAL_DECISION,
    PROPOSAL_PAGE,
    WEAKLY_KEYED_LIST,
    PairDecisionSchema,
    ProposalQuerySchema,
    SupplierMergeSchema,
)
from service.api.schemas.method import MODELS, SOURCES, MethodSchema, ModelSchema
from service.api.schemas.own_practices import UNIT_RESPONSE_PAGE, OwnPracticesSchema
from service.api.schemas.questionnaires import (
    FORMS,
    QUESTIONNAIRE_REQUESTS,
    QuestionnaireRequestSchema,
    QuestionnaireReturnSchema,
    new_questionnaire_request,
)
from service.api.schemas.release import (
    PreviewFileQuerySchema,
    ReleaseDaySchema,
    ReleasePreviewSchema,
    ReleaseSchema,
)
from service.api.schemas.repayment import RepaymentRequestSchema, RepaymentSchema
from service.api.schemas.schedules import NEW_SCHEDULE, SCHEDULE_CHANGE, SCHEDULES, ScheduleSchema
from service.api.schemas.suppliers import (
    COMPANY_PAGE,
    NEXT_STEPS,
    PLURALS,
    RESULT_PAGE,
    SUPPLIER_PAGE,
    TABLE_FORMATS,
    ChangePageSchema,
    ChangeQuerySchema,
    ConnectionsSchema,
    MergeSchema,
    PortfolioSchema,
    SupplierQuerySchema,
    SupplierSchema,
    TableQuerySchema,
)
from service.api.schemas.watchlists import MATCH_DECISION, MATCH_PAGE, WATCHLISTS, MatchQuerySchema, MatchSchema
from service.api.schemas.what_if import WhatIfSchema, what_if_change
from service.auth.caller import get_settings
from service.heartbeats import Pulse
from service.scorecards import MEDIA_TYPE as SCORECARDS_TYPE
from service.settings import Settings

PREFIX = "/api/v1"
NOUNS = {"site": "supplier", "agency": "agency"}  # how operations refer to them
REPORT_FILE = FileTypes((*(form.media_type for form in ALL_FORMATS.values()), SCORECARDS_TYPE))
TABLE_FILE = FileTypes(tuple(FORMATS[form].media_type for form in TABLE_FORMATS))
WORKBOOK = FileTypes((FORMATS["xlsx"].media_type,))


def _of_kind(kind: str) -> tuple[Route, ...]:
    """Return the routes that exist for both suppliers and agencies."""
    many, noun, fixed = PLURALS[kind], NOUNS[kind], {"kind": kind}
    one = f"/{many}/<supplier_id>"
    described = {"site": "a supplier", "agency": "an agency"}[kind]
    return (
        Route("GET", f"/{many}", f"list_{many}", views.list_suppliers, f"List {many}, highest risk first.", SUPPLIER_PAGE,
              query=SupplierQuerySchema(), fixed=fixed),
        Route("GET", one,
              f"get_{noun}", views.get_supplier, f"Get {described} by ID or by your own reference, with its latest result.",
              SupplierSchema(), (200, 304), fixed=fixed, versioned=True),
        Route("PUT", one, f"put_{noun}", views.put, f"Create or update {described} under your own reference, and assess it.",
              SupplierSchema(), (200, 201), "write", body=f"{kind.capitalize()}Answers", fixed=fixed, versioned=True,
              reading="suppliers:read"),
        Route("DELETE", one, f"erase_{noun}", views.erase, f"Erase {described} and all its results.", None, (204,), "write",
              fixed=fixed, versioned=True),
        Route("GET", f"{one}/erasure", f"preview_{noun}_erasure", erasure.preview_supplier,
              f"Preview what erasing {described} would do, and which backups contain it. Nothing is erased.",
              ErasurePreviewSchema(), fixed=fixed),
        Route("GET", f"{one}/assessments", f"list_{noun}_assessments", views.history,
              f"List the results of {described}, newest first.", RESULT_PAGE,
              query=PageQuerySchema(), fixed=fixed),
        Route("POST", f"{one}/merge", f"merge_{noun}", views.merge,
              f"Merge {described} into another one, which takes over its results.", SupplierSchema(), transaction="write",
              body=MergeSchema(), fixed=fixed, reading="suppliers:read"),
        Route("DELETE", f"{one}/merged-keys/<merged_key_id>", f"remove_{noun}_alias", views.remove_alias,
              "Remove a name or reference left by a merge. Rows that use it then belong to a separate supplier again.", None,
              (204,), "write", fixed=fixed),
        Route("POST", f"{one}/what-if", f"what_if_{noun}", what_if.try_change,
              "Calculate how changed answers, different agencies or completed actions would affect the result. Nothing is saved.",
              WhatIfSchema(), body=what_if_change(kind), fixed=fixed),
        Route("POST", f"{one}/decision", f"decide_on_{noun}", views.decide_on_supplier,
              f"Get the onboarding decision for {described}, taking an agreed plan into account. Nothing is saved.",
              SupplierSchema(), body=DecisionRequestSchema(), fixed=fixed),
        Route("GET", f"{one}/evidence", f"list_{noun}_evidence", evidence.list_evidence,
              f"List the evidence about {described}: claimed, or confirmed, by whom and for which questions.", EVIDENCE_PIECES,
              fixed=fixed),
        Route("POST", f"{one}/evidence", f"add_{noun}_evidence", evidence.add,
              "Add a piece of your own evidence, confirmed for the questions it covers.", EVIDENCE_PIECES, (201,), "write",
              body=NewEvidencePieceSchema(sent_as="NewEvidencePiece"), fixed=fixed, reading="suppliers:read"),
        Route("POST", f"{one}/evidence/<piece_id>/confirm", f"confirm_{noun}_evidence", evidence.confirm,
              f"Confirm a piece of evidence, and reassess {described}.", EVIDENCE_PIECES, transaction="write",
              body=EvidenceConfirmationSchema(), fixed=fixed, reading="suppliers:read"),
        Route("POST", f"{one}/evidence/<piece_id>/withdraw", f"withdraw_{noun}_evidence", evidence.withdraw,
              f"Withdraw the confirmation of a piece of evidence, and reassess {described}.", EVIDENCE_PIECES,
              transaction="write", fixed=fixed, reading="suppliers:read"),
        Route("GET", f"{one}/others", f"get_{noun}_connections", overview.get_others,
              "List related agencies, sites and migration corridors.", ConnectionsSchema(), fixed=fixed),
        Route("GET", f"{one}/askings", f"list_{noun}_requests", questionnaire_requests.list_requests,
              f"List the questionnaires sent to {described}, newest first.", QUESTIONNAIRE_REQUESTS, fixed=fixed),
        Route("POST", f"{one}/askings", f"create_{noun}_request", questionnaire_requests.create,
              f"Record that a questionnaire was sent to {described}.", QuestionnaireRequestSchema(), (201,), "write",
              body=new_questionnaire_request(kind), fixed=fixed),
        Route("GET", f"{one}/askings/<asking_id>/form", f"download_{noun}_form", questionnaire_requests.filled_form,
              "Get the pre-filled workbook for a questionnaire request.", WORKBOOK, transaction="own",
              fixed=fixed),
        Route("POST", f"{one}/askings/<asking_id>/returned", f"mark_{noun}_form_returned",
              questionnaire_requests.mark_returned, "Record the date on which a questionnaire was returned (default: today).",
              QuestionnaireRequestSchema(), transaction="write", body=QuestionnaireReturnSchema(), fixed=fixed,
              reading="suppliers:read"),
    )  # fmt: skip


def _document() -> Response:
    return Response(document_bytes(get_settings()), content_type="application/json")


ROUTES: tuple[Route, ...] = (
    Route("POST", "/assessments", "assess", views.assess,
          "Get an onboarding decision: assess one supplier without saving anything.", AssessmentSchema(), body="Gate"),
    Route("POST", "/repayments", "calculate_repayment", repayment.work_out,
          "Calculate what cohorts of workers are owed for recruitment fees. Nothing is saved.", RepaymentSchema(),
          body=RepaymentRequestSchema()),
    Route("GET", "/assessments/<result_id>", "get_assessment", views.get_result,
          "Get a result as of its assessment date, with the reasons for it.",
          AssessmentSchema()),
    Route("GET", "/assessments/<result_id>/moves", "get_score_changes", overview.get_moves,
          "Explain how the score has changed since the previous assessment.", ScoreChangeSchema()),
    Route("GET", "/portfolio", "get_portfolio", overview.get_portfolio,
          "Get an overview of the portfolio: counts, queues and changes across all suppliers.",
          PortfolioSchema()),
    Route("GET", "/actions", "list_actions", overview.list_next_steps, "List the next steps and the suppliers they apply to.",
          NEXT_STEPS),
    Route("GET", "/table", "download_table", overview.table,
          "Export the list of suppliers as a file.", TABLE_FILE, transaction="own",
          query=TableQuerySchema()),
    *_of_kind("site"),
    *_of_kind("agency"),
    Route("GET", "/evidence", "list_claimed_evidence", evidence.list_claimed,
          "List the claimed evidence of the suppliers that match a filter.", ClaimedPiecesSchema(), query=ClaimedQuerySchema()),
    Route("POST", "/evidence/confirm", "confirm_evidence", evidence.confirm_many,
          "Confirm many pieces of evidence at once.", BulkOutcomeSchema(), transaction="write", body=ChosenPiecesSchema()),
    Route("POST", "/evidence/confirm-matching", "confirm_matching_evidence", evidence.confirm_matching,
          "Confirm the claimed evidence of the suppliers that match a filter, at most 200 pieces at a time.",
          BulkOutcomeSchema(), transaction="write", body=MatchingPiecesSchema()),
    Route("GET", "/companies", "list_companies", views.list_companies, "List companies by name, each with its highest-risk site.",
          COMPANY_PAGE, query=PageQuerySchema()),
    Route("GET", "/changes", "list_changes", views.list_changes,
          "List the changes to suppliers since a given cursor, oldest first.", ChangePageSchema(),
          transaction="latest", query=ChangeQuerySchema()),
    Route("GET", "/cases", "list_cases", cases.list_cases, "List case records, strongest evidence first.", CASE_PAGE,
          query=CaseQuerySchema()),
    Route("POST", "/cases", "open_case", cases.open_case,
          "Create a case about one group of people. The case must not identify anyone.",
          CaseSchema(), (201,), "write", body=NEW_CASE, reading="cases:read"),
    Route("GET", "/cases/<case_id>", "get_case", cases.get_case, "Get a case with its findings, interpretation and first steps.",
          CaseSchema()),
    Route("PATCH", "/cases/<case_id>", "correct_case", cases.correct_case,
          "Correct the texts that describe a case. The audit trail records which fields changed, but not what they contained.",
          CaseSchema(), transaction="write", body=CASE_CORRECTION, reading="cases:read"),
    Route("DELETE", "/cases/<case_id>", "delete_case", cases.delete_case,
          "Delete a case, and reassess its supplier without it. Two users have to close an emergency first.", None, (204,),
          "write", query=CaseDeletionQuerySchema()),
    Route("GET", "/cases/<case_id>/erasure", "preview_case_erasure", erasure.preview_case,
          "Preview what deleting a case would do, and which backups contain it. Nothing is deleted.", ErasurePreviewSchema()),
    Route("PATCH", "/cases/<case_id>/findings/<number>", "correct_note", cases.correct_note,
          "Replace or remove the note of a finding. The finding itself stays.", CaseSchema(), transaction="write",
          body=NOTE_CORRECTION, reading="cases:read"),
    Route("POST", "/cases/<case_id>/findings", "add_finding", cases.add_finding,
          "Add a finding to a case. A closed case is reopened.", CaseSchema(), (201,), "write", body=FindingSchema(),
          reading="cases:read"),
    Route("POST", "/cases/<case_id>/close", "close_case", cases.close_case, "Close a case.", CaseSchema(), (200,),
          "write", body=CASE_CLOSING, reading="cases:read"),
    Route("GET", "/watchlists", "list_watchlists", watchlists.list_watchlists,
          "List the watchlists that suppliers are screened against.", WATCHLISTS),
    Route("GET", "/identity/proposals", "list_identity_proposals", identity.list_proposals,
          "List pairs of suppliers that may be the same, with reasons (default: open pairs).", PROPOSAL_PAGE,
          query=ProposalQuerySchema()),
    Route("POST", "/identity/proposals/<proposal_id>/decision", "decide_identity_proposal", identity.decide,
          "Decide whether two suppliers are the same: merge them, or record that they are different.", PairDecisionSchema(),
          transaction="write", body=PROPOSAL_DECISION),
    Route("GET", "/identity/merges", "list_merges", identity.list_merges, "List merges, newest first.", MERGE_PAGE,
          query=PageQuerySchema()),
    Route("POST", "/identity/merges/<merge_id>/undo", "undo_merge", identity.undo_merge,
          "Undo a merge: separate two suppliers, each with its own history.", SupplierMergeSchema(), transaction="write",
          reading="suppliers:read"),
    Route("GET", "/identity/weak-keys", "list_weak_keys", identity.list_weak_keys,
          "List suppliers that were stored under an entry that does not identify anyone.", WEAKLY_KEYED_LIST),
    Route("GET", "/matches", "list_matches", watchlists.list_matches,
          "List possible matches between suppliers and watchlist entries, with reasons (default: open matches).", MATCH_PAGE,
          query=MatchQuerySchema()),
    Route("POST", "/matches/<match_id>", "decide_match", watchlists.decide,
          "Confirm or dismiss a match. The score does not change.", MatchSchema(), (200,),
          "write", body=MATCH_DECISION, reading="suppliers:read"),
    Route("GET", "/buyer", "get_own_practices", own_practices.get_own_practices,
          "Get your own units' answers about their purchasing practices, and the findings.", OwnPracticesSchema()),
    Route("PUT", "/buyer", "put_own_practices", own_practices.put,
          "Save answers from the unit named in the body. The unit's earlier answers remain in the history.",
          OwnPracticesSchema(), transaction="write", body="BuyerAnswers", reading="suppliers:read"),
    Route("GET", "/buyer/answers", "list_own_practice_answers", own_practices.history,
          "List answers from your own units, newest first.",
          UNIT_RESPONSE_PAGE, query=PageQuerySchema()),
    Route("DELETE", "/buyer/answers/<answers_id>", "erase_business_unit", own_practices.erase,
          "Erase the unit that gave these answers, and all its other answers.", None, (204,), "write"),
    Route("POST", "/imports", "upload_files", files.upload,
          "Upload files to be read and scored in the background.", ImportSchema(),
          (202,), "own", form=Multipart(UPLOAD, {"file": SPREADSHEETS})),
    Route("GET", "/imports", "list_imports", files.list_imports, "List imports, newest first.", IMPORT_PAGE,
          query=ImportQuerySchema()),
    Route("GET", "/imports/<import_id>", "get_import", files.get_import,
          "Get the progress of an import and what was found in its files.",
          ImportSchema()),
    Route("POST", "/imports/<import_id>/confirm", "confirm_import", files.confirm,
          "Confirm an import: score it as previewed, or read it again with different options.", ImportSchema(), (202,), "write",
          body=ImportConfirmationSchema()),
    Route("GET", "/imports/<import_id>/layout", "get_layout", files.get_layout,
          "Show how the files of an import were read: sheets, header rows, columns with sample values, and rows left out.",
          LayoutSchema(), (200, 304), versioned=True),
    Route("PATCH", "/imports/<import_id>/layout", "change_layout", files.change_layout,
          "Change how the files of an import are read. They are read again in the background.", LayoutSchema(), (202,), "write",
          body=LayoutChangeSchema(), versioned=True),
    Route("GET", "/imports/<import_id>/marked.xlsx", "download_marked_file", files.marked_file,
          "Download a file of an import as a workbook with its problems marked.", WORKBOOK, transaction="own",
          query=MarkedFileQuerySchema()),
    Route("POST", "/imports/<import_id>/undo", "undo_import", files.undo_import,
          "Undo an import: remove what it created, and restore what it changed.", ImportSchema(), (202,), "write"),
    Route("POST", "/imports/<import_id>/cancel", "cancel_import", files.cancel, "Request the cancellation of an import.",
          ImportSchema(), (202,), "write"),
    Route("GET", "/imports/<import_id>/erasure", "preview_import_erasure", erasure.preview_import,
          "Preview what erasing an import would do, and which backups contain it. Nothing is erased.", ErasurePreviewSchema(),
          query=ImportErasureQuerySchema()),
    Route("DELETE", "/imports/<import_id>", "erase_import", erasure.erase_import,
          "Erase an import: its files, what was found in them, and their names. The data is kept unless you choose otherwise.",
          None, (204,), "write", query=ImportErasureQuerySchema()),
    Route("GET", "/column-mappings", "list_column_mappings", column_mappings.list_mappings,
          "List the column mappings remembered from earlier files, which are used for files with the same headers.",
          COLUMN_MAPPINGS),
    Route("DELETE", "/column-mappings/<mapping_id>", "delete_column_mapping", column_mappings.delete_mapping,
          "Delete a remembered column mapping.", None, (204,), "write"),
    Route("GET", "/jobs", "list_jobs", overview.list_jobs, "List current and past jobs, newest first.", JOB_PAGE,
          query=PageQuerySchema()),
    Route("POST", "/jobs/<job_id>/cancel", "cancel_job", files.cancel_job, "Request the cancellation of a job.",
          JobSchema(), (202,), "write"),
    Route("POST", "/reports", "request_report", views.request_report,
          "Request a report on one supplier, or on all suppliers that match a filter.",
          ReportSchema(), (202,), "write", body=ReportSchema()),
    Route("GET", "/reports", "list_reports", views.list_reports, "List reports, newest first.", REPORT_PAGE,
          query=PageQuerySchema()),
    Route("GET", "/reports/<job_id>", "get_report", views.get_report, "Get the progress of a report.", ReportSchema()),
    Route("GET", "/reports/<job_id>/file", "download_report", files.report_file, "Download a report.", REPORT_FILE,
          transaction="own"),
    Route("GET", "/schedules", "list_schedules", schedules.list_schedules, "List schedules with their next runs.",
          SCHEDULES),
    Route("POST", "/schedules", "create_schedule", schedules.create, "Create a schedule.", ScheduleSchema(), (201,),
          "write", body=NEW_SCHEDULE),
    Route("GET", "/schedules/<schedule_id>", "get_schedule", schedules.get_schedule,
          "Get a schedule with its next and last runs.",
          ScheduleSchema()),
    Route("PATCH", "/schedules/<schedule_id>", "change_schedule", schedules.change, "Change the given fields of a schedule.",
          ScheduleSchema(), transaction="write", body=SCHEDULE_CHANGE),
    Route("DELETE", "/schedules/<schedule_id>", "delete_schedule", schedules.delete, "Delete a schedule.", None, (204,),
          "write"),
    Route("GET", "/forms", "list_forms", questionnaire_requests.list_forms, "List the forms that can be sent to suppliers.",
          FORMS),
    Route("GET", "/forms/<form_id>/template", "download_form", questionnaire_requests.blank_form,
          "Get a blank form as a workbook.", WORKBOOK, transaction="own"),
    Route("GET", "/method", "get_method", method.get_method, "Get a description of the method, the facts and the actions.",
          MethodSchema()),
    Route("GET", "/models", "list_models", method.list_models, "List the models in force today.", MODELS),
    Route("GET", "/models/<model_id>", "get_model", method.get_model, "Get a model with its weights, reasons, rules and sources.",
          ModelSchema()),
    Route("GET", "/sources", "list_sources", method.list_sources,
          "List the sources that rules, weights and actions cite.", SOURCES),
    Route("GET", "/users", "list_users", admin.list_users, "List users.", USERS),
    Route("POST", "/users", "create_user", admin.create_user, "Create a user with a temporary password.",
          UserWithPasswordSchema(), (201,), "write", body=NEW_USER, secret=True),
    Route("PATCH", "/users/<user_id>", "change_user", admin.change_user,
          "Change a user's role, or deactivate or reactivate the user.",
          UserSchema(), transaction="write", body=USER_CHANGE),
    Route("POST", "/users/<user_id>/password", "reset_password", admin.reset_password,
          "Set a new temporary password and sign the user out.", UserWithPasswordSchema(), transaction="write",
          secret=True),
    Route("GET", "/users/<user_id>/filters", "list_filters", admin.list_filters, "List a user's saved filters.", FILTERS),
    Route("POST", "/users/<user_id>/filters", "save_filter", admin.save_filter, "Save a filter for a user.",
          FilterSchema(), (201,), "write", body=FilterSchema()),
    Route("DELETE", "/users/<user_id>/filters/<filter_id>", "delete_filter", admin.delete_filter,
          "Delete a user's saved filter.", None, (204,), "write"),
    Route("GET", "/keys", "list_keys", admin.list_keys, "List API keys, without the keys themselves.", KEYS),
    Route("POST", "/keys", "create_key", admin.create_key,
          "Create an API key. The key itself is returned only once.", KeyWithTextSchema(),
          (201,), "write", body=KeySchema(), secret=True),
    Route("PATCH", "/keys/<key_id>", "hand_over_key", admin.hand_over_key,
          "Hand an API key over to another user. A key that stopped when its owner lost access works again.", KeySchema(),
          transaction="write", body=KeyHandoverSchema()),
    Route("DELETE", "/keys/<key_id>", "revoke_key", admin.revoke_key, "Revoke an API key immediately.", None, (204,), "write"),
    Route("GET", "/audit", "list_audit_events", admin.list_audit_events, "List the audit trail, newest first.", AUDIT_PAGE,
          query=AuditQuerySchema()),
    Route("GET", "/organisation", "get_organisation", admin.get_organisation, "Get the organisation that the API key belongs to.",
          OrganisationSchema()),
    Route("PATCH", "/organisation", "change_organisation", admin.change_organisation,
          "Set the organisation's retention period, in months.", OrganisationSchema(), transaction="write",
          body=ORGANISATION_CHANGE),
    Route("GET", "/organisation/release", "get_release", release.get_release,
          "Get the release of the method in use, the day from which the next one applies, and its latest preview.",
          ReleaseSchema()),
    Route("PUT", "/organisation/release", "set_release_day", release.set_day,
          "Set the day from which the next release applies. You can change it until that day.", ReleaseSchema(),
          transaction="write", body=ReleaseDaySchema()),
    Route("POST", "/organisation/release/cancel", "cancel_release_day", release.cancel_day,
          "Remove the day from which the next release applies.", ReleaseSchema(), transaction="write"),
    Route("POST", "/organisation/release/preview", "request_release_preview", release.request_preview,
          "Request a preview of the next release: which suppliers would change level, and why.", ReleasePreviewSchema(), (202,),
          "write"),
    Route("GET", "/organisation/release/preview/file", "download_release_preview", release.download_preview,
          "Get the latest preview as a file that lists all suppliers.", TABLE_FILE, transaction="own",
          query=PreviewFileQuerySchema()),
    Route("POST", "/organisation/release/reassessment", "reassess_all", release.reassess,
          "Reassess all suppliers under the release in use.", JobSchema(), (202,), "write"),
    Route("GET", "/openapi.json", "openapi", _document, "Get this OpenAPI document.", None, transaction="own", open=True),
)  # fmt: skip


@cache
def document_bytes(limits: Settings) -> bytes:
    """Return the OpenAPI document of an installation with these settings, as JSON."""
    made = openapi.document(route for route in ROUTES if not route.open)
    # The only values that are not JSON already are the limits that this installation sets.
    return orjson.dumps(made, default=lambda limit: getattr(limits, limit.setting))


def register(app: Flask) -> None:
    """Register the API, its two health checks and the metrics with the application."""
    api = Blueprint("api", __name__, url_prefix=PREFIX)
    for route in ROUTES:
        api.add_url_rule(route.path, route.name, handler.handler(route), methods=[route.method])
    api.before_request(handler.count_request)
    api.after_request(handler.finish)
    app.extensions["rate_limiter"] = RateLimiter(app.extensions["database"], app.extensions["settings"].api_per_minute)
    app.register_blueprint(api)
    app.extensions["readiness"] = health.ReadinessCheck(Pulse(app.extensions["database"], "web"))
    app.register_blueprint(health.pages)
    metrics.register(app)
