"""List all pages in one place: method, address, endpoint name, view function and fixed arguments.

``service/auth/access.toml`` grants roles access to them under "METHOD pages.<name>".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask

from reports.charts import describe
from reports.document import LEVEL_TITLES, PRIORITIES
from reports.formats import KINDS as REPORT_KINDS
from reports.formatting import format_number, format_points, format_range, format_score, format_share
from reports.view_model import LEADS, OWNERS
from service.auth.access import ACCESS
from service.auth.caller import get_caller
from service.db.tables import Supplier
from service.queries.supplier_list import get_action_title, get_level_text
from service.queries.supplier_list import get_next_step as get_next_step_id
from service.report_content.labels import get_country_name, get_sector_title
from service.report_content.sources import load_sources
from service.reporting.report_jobs import list_report_languages
from service.web.formatting import (
    describe_actor,
    describe_error,
    format_day,
    format_moment,
    format_partial_date,
    format_plural,
)
from service.web.pages import (
    activity,
    agreements,
    approvals,
    calendar,
    campaigns,
    cases,
    column_mappings,
    editions,
    evidence,
    exits,
    help_page,
    identity,
    imports,
    languages,
    method,
    own_practices,
    plan_workbook,
    portfolio,
    progress,
    questionnaire_reviews,
    referrals,
    remediation,
    remedy_accounts,
    repayment,
    reports,
    schedules,
    search,
    selection,
    sender_keys,
    supplier_links,
    suppliers,
    system_identifiers,
    watches,
    watchlists,
    what_if,
    worker_notice,
    worker_surveys,
)
from service.web.svg import draw_range_strip

INSTALMENT = "/remedy-accounts/<account_id>/instalments/<int:number>"


class Route(NamedTuple):
    """A page. ``fixed``: arguments of the view that are not part of the address."""

    method: str
    address: str
    name: str
    view: Callable[..., Any]
    fixed: dict[str, str] = {}


def _build_table_routes(path: str) -> list[Route]:
    """Return the routes for a table of suppliers, with its exports and saved filters."""
    fixed = {"path": path}
    return [
        Route("GET", f"/{path}", path, suppliers.show_table, fixed),
        Route("GET", f"/{path}.<format>", f"{path}_file", suppliers.export_table, fixed),
        Route("POST", f"/{path}/filters", f"{path}_save_filter", suppliers.save_filter, fixed),
        Route("POST", f"/{path}/filters/<filter_id>/forget", f"{path}_forget_filter", suppliers.delete_filter, fixed),
    ]


def _build_supplier_routes(kind: str) -> list[Route]:
    """Return the routes of the pages that both sites and agencies have."""
    base, fixed = f"/{suppliers.PATHS[kind]}/<supplier_id>", {"kind": kind}
    sent = f"{base}/questionnaires/<request_id>"
    return [
        Route("GET", base, kind, suppliers.show_supplier, fixed),
        Route("GET", f"{base}/history", f"{kind}_history", suppliers.show_history, fixed),
        Route("GET", f"{base}/activity", f"{kind}_activity", activity.show_activity, fixed),
        Route("GET", f"{base}/activity.<format>", f"{kind}_activity_file", activity.download_activity, fixed),
        Route("POST", f"{base}/questionnaires", f"ask_{kind}", suppliers.create_request, fixed),
        Route("GET", sent, f"{kind}_form", suppliers.download_form, fixed),
        Route("POST", f"{sent}/returned", f"{kind}_form_returned", suppliers.mark_returned, fixed),
        Route("GET", f"{sent}/review", f"{kind}_review", questionnaire_reviews.show, fixed),
        Route("POST", f"{sent}/review", f"decide_{kind}_review", questionnaire_reviews.save, fixed),
        Route("POST", f"{sent}/ask-back", f"ask_{kind}_back", questionnaire_reviews.send, fixed),
        Route("POST", f"{sent}/close", f"close_{kind}_clarification", questionnaire_reviews.close, fixed),
        Route("POST", f"{base}/answer-bundles", f"import_{kind}_bundle", sender_keys.import_answers, fixed),
        Route("POST", f"{base}/contact", f"save_{kind}_contact", campaigns.save_contact, fixed),
        Route("POST", f"{base}/system-identifier", f"set_{kind}_identifier", system_identifiers.set_identifier, fixed),
        Route("GET", f"{base}/erase", f"confirm_erase_{kind}", suppliers.show_erase_confirmation, fixed),
        Route("POST", f"{base}/erase", f"erase_{kind}", suppliers.erase_supplier, fixed),
        Route("GET", f"{base}/merge", f"confirm_merge_{kind}", suppliers.show_merge_form, fixed),
        Route("POST", f"{base}/merge", f"merge_{kind}", suppliers.merge_supplier, fixed),
        Route("POST", f"{base}/merged-keys/<merged_key_id>/let-go", f"let_go_{kind}", suppliers.remove_alias, fixed),
        Route("POST", f"{base}/evidence", f"add_{kind}_evidence", evidence.add, fixed),
        Route("POST", f"{base}/evidence/<piece_id>/confirm", f"confirm_{kind}_evidence", evidence.confirm, fixed),
        Route("POST", f"{base}/evidence/<piece_id>/withdraw", f"withdraw_{kind}_evidence", evidence.withdraw, fixed),
        Route("GET", f"{base}/links", f"{kind}_links", supplier_links.show_links, fixed),
        Route("POST", f"{base}/links", f"create_{kind}_link", supplier_links.create_link, fixed),
        Route("POST", f"{base}/links/<link_id>/revoke", f"revoke_{kind}_link", supplier_links.revoke_link, fixed),
        Route(
            "GET", f"{base}/answer-files/<file_id>", f"{kind}_answer_file", supplier_links.download_answer_file, fixed
        ),
        Route("GET", f"{base}/proofs/<evidence_id>", f"{kind}_proof", supplier_links.download_proof, fixed),
        Route("POST", f"{base}/letters", f"ask_{kind}_reply", supplier_links.ask_for_reply, fixed),
        Route(
            "POST", f"{base}/letters/<reply_id>/delivery", f"note_{kind}_delivery", supplier_links.note_delivery, fixed
        ),
        Route("POST", f"{base}/letters/<reply_id>/response", f"respond_to_{kind}", supplier_links.respond, fixed),
        Route(
            "POST",
            f"{base}/proposals/<step_proposal_id>",
            f"decide_{kind}_proposal",
            supplier_links.decide_proposal,
            fixed,
        ),
        Route("GET", f"{base}/agreement", f"{kind}_agreement", agreements.show_agreement, fixed),
        Route("POST", f"{base}/agreement", f"agree_{kind}", agreements.save_agreement, fixed),
        Route("GET", f"{base}/worker-notice", f"{kind}_notice", worker_notice.show_notice, fixed),
        Route("GET", f"{base}/worker-notice.<format>", f"{kind}_notice_file", worker_notice.download_notice, fixed),
        Route("GET", f"{base}/worker-voice", f"{kind}_surveys", worker_surveys.show_surveys, fixed),
        Route("POST", f"{base}/worker-voice", f"create_{kind}_survey", worker_surveys.create_survey, fixed),
        Route("GET", f"{base}/remedy-accounts", f"{kind}_accounts", remedy_accounts.show_accounts, fixed),
        Route("POST", f"{base}/remedy-accounts", f"save_{kind}_account", remedy_accounts.save_account, fixed),
        Route("GET", f"{base}/exit", f"{kind}_exit", exits.show_exit, fixed),
        Route("POST", f"{base}/exit", f"save_{kind}_exit", exits.save_exit, fixed),
        Route("GET", f"{base}/what-if", f"what_if_{kind}", what_if.show_form, fixed),
        Route("POST", f"{base}/what-if", f"try_{kind}", what_if.try_changes, fixed),
    ]


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", "portfolio", portfolio.show_portfolio),
    Route("GET", "/progress", "progress", progress.show_progress),
    Route("GET", "/maps/<view>.svg", "map", portfolio.show_map),
    Route("GET", "/actions", "actions", portfolio.show_actions),
    Route("GET", "/search", "search", search.show_results),
    *_build_table_routes("suppliers"),
    *_build_table_routes("agencies"),
    Route("POST", "/reassess", "reassess", selection.reassess),
    Route("GET", "/questionnaires/new", "new_requests", selection.show_request_form),
    Route("POST", "/questionnaires", "create_requests", selection.create_requests),
    Route("GET", "/questionnaires/sent", "sent_requests", selection.show_sent_requests),
    Route("GET", "/questionnaires/sent.zip", "sent_forms", selection.download_forms),
    Route("GET", "/campaigns", "campaigns", campaigns.show_campaigns),
    Route("GET", "/campaigns/new", "new_campaign", campaigns.show_form),
    Route("POST", "/campaigns", "start_campaign", campaigns.start),
    Route("GET", "/campaigns/contacts", "contacts", campaigns.show_contacts),
    Route("POST", "/campaigns/contacts", "send_contacts", campaigns.send_contacts),
    Route("GET", "/campaigns/<campaign_id>", "campaign", campaigns.show_board),
    Route("POST", "/campaigns/<campaign_id>", "change_campaign", campaigns.change_campaign),
    Route("POST", "/campaigns/<campaign_id>/suppliers", "change_campaign_suppliers", campaigns.change_suppliers),
    Route("POST", "/campaigns/<campaign_id>/links", "merge_file", campaigns.download_merge_file),
    Route("GET", "/sender-keys", "sender_keys", sender_keys.show),
    Route("POST", "/sender-keys", "accept_sender_key", sender_keys.accept),
    Route("POST", "/sender-keys/<key_id>/revoke", "revoke_sender_key", sender_keys.revoke),
    Route("GET", "/evidence", "claimed_evidence", evidence.show_claimed),
    Route("POST", "/evidence/confirm", "confirm_evidence", evidence.confirm_selected),
    *_build_supplier_routes("site"),
    *_build_supplier_routes("agency"),
    Route("GET", "/upload", "upload", imports.show_upload_form),
    Route("POST", "/upload", "send", imports.upload_files),
    Route("GET", "/templates/<form_id>.xlsx", "template", imports.download_template),
    Route("GET", "/column-mappings", "column_mappings", column_mappings.show_mappings),
    Route("POST", "/column-mappings/<mapping_id>/delete", "delete_column_mapping", column_mappings.delete_mapping),
    Route("GET", "/imports", "imports", imports.show_imports),
    Route("GET", "/imports/<import_id>", "one_import", imports.show_import),
    Route("GET", "/imports/<import_id>/progress", "import_progress", imports.show_progress),
    Route("GET", "/imports/<import_id>/marked.xlsx", "marked_file", imports.download_marked_file),
    Route("GET", "/imports/<import_id>/edition", "edition", editions.show_edition),
    Route("POST", "/imports/<import_id>/edition/previous", "choose_previous_list", editions.choose_previous),
    Route("POST", "/imports/<import_id>/edition/gone", "decide_gone", editions.decide_gone),
    Route("GET", "/imports/<import_id>/issues.csv", "issues_file", imports.download_issues),
    Route("POST", "/imports/<import_id>/corrections", "correct_cells", imports.correct_cells),
    Route("POST", "/imports/<import_id>/confirm", "confirm_import", imports.confirm_import),
    Route("POST", "/imports/<import_id>/undo", "undo_import", imports.undo_import),
    Route("POST", "/imports/<import_id>/correct", "correct_import", imports.correct_import),
    Route("GET", "/imports/<import_id>/erase", "confirm_erase_import", imports.show_erase_confirmation),
    Route("POST", "/imports/<import_id>/erase", "erase_import", imports.erase_import),
    Route("POST", "/jobs/<job_id>/cancel", "cancel_job", imports.cancel_job),
    Route("POST", "/reports", "ask_report", reports.request_report),
    Route("GET", "/reports/<job_id>", "report", reports.show_report),
    Route("GET", "/reports/<job_id>/progress", "report_progress", reports.show_progress),
    Route("GET", "/reports/<job_id>/file", "report_file", reports.download_report),
    Route("GET", "/schedules", "schedules", schedules.show_schedules),
    Route("POST", "/schedules", "create_schedule", schedules.create_schedule),
    Route("POST", "/schedules/<schedule_id>", "change_schedule", schedules.update_schedule),
    Route("POST", "/schedules/<schedule_id>/delete", "delete_schedule", schedules.delete_schedule),
    Route("GET", "/cases", "cases", cases.show_cases),
    Route("POST", "/cases", "open_case", cases.open_case),
    Route("POST", "/cases/sheets", "send_cases", cases.upload_cases),
    Route("GET", "/cases/<case_id>", "one_case", cases.show_case),
    Route("POST", "/cases/<case_id>/findings", "add_finding", cases.add_finding),
    Route("POST", "/cases/<case_id>", "correct_case", cases.correct_case),
    Route("POST", "/cases/<case_id>/findings/<int:number>/note", "correct_note", cases.correct_note),
    Route("GET", "/cases/<case_id>/delete", "confirm_delete_case", cases.confirm_deletion),
    Route("POST", "/cases/<case_id>/delete", "delete_case", cases.delete_case),
    Route("POST", "/cases/<case_id>/close", "close_case", cases.close_case),
    Route("POST", "/cases/<case_id>/close/confirm", "confirm_case_closing", cases.confirm_closing),
    Route("GET", "/remediation", "remediation", remediation.show_board),
    Route("POST", "/remediation", "change_steps", remediation.change_selected),
    Route("GET", "/remediation/workbook", "plan_workbook", plan_workbook.show_workbook),
    Route("POST", "/remediation/workbook", "preview_plan_workbook", plan_workbook.preview_workbook),
    Route("POST", "/remediation/workbook/changes", "save_plan_workbook", plan_workbook.save_workbook),
    Route("GET", "/remediation/workbook.xlsx", "plan_workbook_file", plan_workbook.download_workbook),
    Route("GET", "/remediation/steps/<step_id>", "step", remediation.show_step),
    Route("POST", "/remediation/steps/<step_id>/state", "change_step_state", remediation.change_state),
    Route("POST", "/remediation/steps/<step_id>/due", "move_step", remediation.move_due),
    Route("POST", "/remediation/steps/<step_id>/owner", "assign_step", remediation.assign),
    Route("POST", "/remediation/steps/<step_id>/evidence", "add_step_evidence", remediation.add_evidence),
    Route("GET", "/remediation/steps/<step_id>/evidence/<evidence_id>", "step_file", remediation.download_file),
    Route("POST", "/remediation/steps/<step_id>/verification", "verify_step", remediation.verify),
    Route("POST", "/remediation/steps/<step_id>/comments", "add_step_comment", remediation.add_comment),
    Route("GET", "/remediation/findings/<finding_id>", "finding", remediation.show_finding),
    Route("POST", "/remediation/steps/<step_id>/findings/<finding_id>", "change_finding", remediation.change_finding),
    Route("GET", "/remedy-accounts/<account_id>", "remedy_account", remedy_accounts.show_account),
    Route("POST", f"{INSTALMENT}/payment", "record_payment", remedy_accounts.record_payment),
    Route("POST", f"{INSTALMENT}/confirmation", "confirm_payment", remedy_accounts.confirm_payment),
    Route("POST", "/remedy-accounts/<account_id>/unpaid", "explain_unpaid", remedy_accounts.explain_unpaid),
    Route("POST", "/remedy-accounts/<account_id>/delete", "delete_account", remedy_accounts.delete_account),
    Route("POST", "/remediation/steps/<step_id>/requests", "ask_approver", approvals.ask),
    Route("GET", "/worker-surveys/<survey_id>", "survey", worker_surveys.show_survey),
    Route("GET", "/worker-surveys/<survey_id>/form", "survey_form", worker_surveys.download_form),
    Route("GET", "/worker-surveys/<survey_id>/recordings", "survey_recordings", worker_surveys.download_recordings),
    Route("POST", "/worker-surveys/<survey_id>/codes", "issue_survey_codes", worker_surveys.issue_codes),
    Route("POST", "/worker-surveys/<survey_id>/close", "close_survey", worker_surveys.close),
    Route("POST", "/worker-surveys/<survey_id>/accept", "accept_survey", worker_surveys.accept),
    Route("GET", "/retaliation-watches/<watch_id>", "watch", watches.show_watch),
    Route("POST", "/retaliation-watches/<watch_id>/checks", "record_check", watches.record),
    Route("POST", "/retaliation-watches/<watch_id>/ending", "ask_to_end_watch", watches.ask_to_end),
    Route("POST", "/exit-papers/<exit_paper_id>/state", "change_exit_state", exits.change_state),
    Route("POST", "/approvals/exits/<exit_paper_id>", "decide_exit", approvals.decide_exit),
    Route("POST", "/approvals/watches/<watch_id>", "decide_watch_end", approvals.decide_watch_end),
    Route("GET", "/calendar", "calendar", calendar.show_calendar),
    Route("POST", "/calendar", "create_calendar_link", calendar.create_link),
    Route("POST", "/calendar/<calendar_link_id>/revoke", "revoke_calendar_link", calendar.revoke_link),
    Route("GET", "/approvals", "approvals", approvals.show_approvals),
    Route("POST", "/approvals/steps/<step_request_id>", "decide_step_request", approvals.decide_request),
    Route("POST", "/approvals/cases/<case_id>", "decide_closing", approvals.decide_closing),
    Route("GET", "/same-supplier", "identity", identity.show_pairs),
    Route("GET", "/same-supplier/together", "identity_group", identity.show_group),
    Route("POST", "/same-supplier/together", "decide_group", identity.decide_group),
    Route("POST", "/same-supplier/<proposal_id>", "decide_pair", identity.decide_pair),
    Route("POST", "/same-supplier/<proposal_id>/reopen", "reopen_pair", identity.reopen_pair),
    Route("POST", "/merges/<merge_id>/undo", "undo_merge", identity.undo_merge),
    Route("GET", "/watchlists", "watchlists", watchlists.show_watchlists),
    Route("POST", "/matches/<match_id>", "decide_match", watchlists.decide_match),
    Route("GET", "/referrals", "referrals", referrals.show_directory),
    Route("POST", "/referrals", "add_referral", referrals.add_contact),
    Route("GET", "/referrals.csv", "referral_file", referrals.download_directory),
    Route("POST", "/referrals/sheet", "send_referrals", referrals.upload_directory),
    Route("GET", "/referrals/<contact_id>", "one_referral", referrals.show_contact),
    Route("POST", "/referrals/<contact_id>", "change_referral", referrals.change_contact),
    Route("POST", "/referrals/<contact_id>/called", "call_referral", referrals.confirm_contact),
    Route("POST", "/referrals/<contact_id>/delete", "delete_referral", referrals.delete_contact),
    Route("GET", "/languages", "languages", languages.show_languages),
    Route("GET", "/languages/<language>", "language", languages.show_language),
    Route("POST", "/languages/<language>", "save_language", languages.save_language),
    Route("GET", "/languages/<language>/texts.po", "language_file", languages.download_language),
    Route("POST", "/languages/<language>/file", "preview_language_file", languages.preview_language_file),
    Route("POST", "/languages/<language>/file/save", "save_language_file", languages.save_language_file),
    Route("GET", "/repayment", "repayment", repayment.show_form),
    Route("POST", "/repayment", "work_out_repayment", repayment.calculate_repayment),
    Route("GET", "/our-practices", "buyer", own_practices.show_practices),
    Route("POST", "/our-practices", "answer_buyer", own_practices.save_answers),
    Route("POST", "/our-practices/<answers_id>/erase", "erase_buyer", own_practices.erase_unit),
    Route("POST", "/sample", "load_sample", imports.load_sample),
    Route("POST", "/sample/remove", "remove_sample", imports.remove_sample),
    Route("GET", "/help", "help", help_page.show_help),
    Route("GET", "/method", "method", method.show_method),
    Route("GET", "/method/sources", "sources", method.show_sources),
    Route("GET", "/method/<model_id>", "model", method.show_model),
)


def is_allowed(name: str, method: str = "POST") -> bool:
    """Return whether the signed-in user may open a page; templates hide links and forms for pages that they may not."""
    return ACCESS.may_open(get_caller().role or "", f"pages.{name}", method)


def get_next_step(supplier: Supplier) -> str | None:
    """Return the id of the most urgent action for a supplier, as far as the signed-in user may see it."""
    return get_next_step_id(supplier, own_answers_only=not get_caller().sees_worker_derived)


def register(app: Flask) -> None:
    """Register these pages on the application, and the functions and titles that their templates use."""
    pages = Blueprint("pages", __name__)
    for route in ROUTES:
        pages.add_url_rule(route.address, route.name, route.view, methods=[route.method], defaults=dict(route.fixed))
    app.register_blueprint(pages)
    app.jinja_env.globals.update(
        is_allowed=is_allowed,
        draw_range_strip=draw_range_strip,
        time_zone=ZoneInfo,
        level_text=get_level_text,
        get_next_step=get_next_step,
        action_title=get_action_title,
        country_name=get_country_name,
        sector_title=get_sector_title,
        describe_actor=describe_actor,
        describe_cell=describe,
        describe_error=describe_error,
        format_day=format_day,
        format_moment=format_moment,
        format_number=format_number,
        format_partial_date=format_partial_date,
        format_points=format_points,
        format_range=format_range,
        format_score=format_score,
        format_share=format_share,
        LEVEL_TITLES=LEVEL_TITLES,
        PRIORITIES=PRIORITIES,
        LEADS=LEADS,
        OWNERS=OWNERS,
        REPORT_KINDS=REPORT_KINDS,
        REPORT_LANGUAGES=list_report_languages(),
        SOURCES=load_sources(),
        TERMS=help_page.load_terms(),
        ngettext=format_plural,  # replaces Babel's function, which writes 12345 without a comma
    )
