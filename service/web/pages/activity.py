"""The page of who did what about one supplier, in sentences, and the same events as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from service.audit import list_actor_names
from service.audit_evidence.export import ExportFilter, export_lines, export_workbook, iterate_events
from service.auth.caller import get_caller, read_session
from service.clock import today
from service.db.tables import AuditEvent
from service.errors import not_found
from service.queries.supplier_activity import list_activity, list_visible_objects
from service.referrals.readiness import load_gate
from service.suppliers import repository as suppliers
from service.web.admin import parse_day_start
from service.web.downloads import build_download

# What somebody did, after their name. Actions of sites and agencies are listed without the kind.
SENTENCES: Mapping[str, Any] = {
    "activity.exported": lazy_gettext("downloaded the activity"),
    "assessed": lazy_gettext("saved answers and assessed the supplier"),
    "bundle.imported": lazy_gettext("imported signed answers from another buyer"),
    "case.closed": lazy_gettext("closed a case record"),
    "case.closing_declined": lazy_gettext("declined to close a case record"),
    "case.closing_proposed": lazy_gettext("proposed to close a case record"),
    "case.completed": lazy_gettext("completed a case record"),
    "case.corrected": lazy_gettext("corrected a case record"),
    "case.finding_added": lazy_gettext("added a finding to a case record"),
    "case.note_corrected": lazy_gettext("corrected a note in a case record"),
    "case.note_removed": lazy_gettext("removed a note from a case record"),
    "case.opened": lazy_gettext("opened a case record"),
    "case.opened_again": lazy_gettext("reopened a case record"),
    "case.read": lazy_gettext("read a case record"),
    "contact.confirmed": lazy_gettext("confirmed the email address of the supplier"),
    "contact.deleted": lazy_gettext("deleted the email address of the supplier"),
    "ended": lazy_gettext("recorded that the supplier no longer supplies us"),
    "evidence.downloaded": lazy_gettext("downloaded evidence"),
    "evidence_added": lazy_gettext("added evidence"),
    "evidence_confirmed": lazy_gettext("confirmed evidence"),
    "evidence_withdrawn": lazy_gettext("withdrew a confirmation of evidence"),
    "exit_paper.saved": lazy_gettext("saved an exit paper"),
    "exit_paper.state_changed": lazy_gettext("changed the state of an exit paper"),
    "finding.described": lazy_gettext("described a finding"),
    "finding.read": lazy_gettext("opened a finding"),
    "finding.state_changed": lazy_gettext("changed the state of a finding"),
    "findings.taken": lazy_gettext("recorded the findings of the newest assessment"),
    "form.bounced": lazy_gettext("recorded that a questionnaire could not be delivered"),
    "form.stopped": lazy_gettext("withdrew a questionnaire that was not safe to answer"),
    "form.declined": lazy_gettext("counted a questionnaire as declined"),
    "form.downloaded": lazy_gettext("downloaded a questionnaire"),
    "form.file_added": lazy_gettext("added a document to a questionnaire"),
    "form.file_removed": lazy_gettext("removed a document from a questionnaire"),
    "form.returned": lazy_gettext("marked a questionnaire as returned"),
    "form.sent": lazy_gettext("recorded that a questionnaire was sent"),
    "form.submitted": lazy_gettext("submitted the answers to a questionnaire"),
    "key_let_go": lazy_gettext("removed an alias"),
    "link.created": lazy_gettext("created a link for the supplier"),
    "link.mailed": lazy_gettext("sent a link to the supplier by email"),
    "link.opened": lazy_gettext("opened a link"),
    "link.revoked": lazy_gettext("revoked a link"),
    "match.confirmed": lazy_gettext("confirmed a match with a watchlist"),
    "match.dismissed": lazy_gettext("dismissed a match with a watchlist"),
    "merged": lazy_gettext("merged the supplier into another one"),
    "plan.agreed": lazy_gettext("recorded the agreed plan"),
    "reassessed": lazy_gettext("reassessed the supplier"),
    "remedy_account.deleted": lazy_gettext("deleted a remedy account"),
    "remedy_account.confirmed": lazy_gettext("confirmed a payment to workers"),
    "remedy_account.explained": lazy_gettext("explained what is still owed to workers"),
    "remedy_account.paid": lazy_gettext("recorded a payment to workers"),
    "remedy_account.saved": lazy_gettext("saved a remedy account"),
    "reply.asked": lazy_gettext("wrote a letter about findings"),
    "reply.delivered": lazy_gettext("recorded the delivery of a letter"),
    "reply.received": lazy_gettext("replied to a letter"),
    "reply.responded": lazy_gettext("responded to a reply"),
    "retaliation_watch.begun_again": lazy_gettext("restarted the retaliation watch"),
    "retaliation_watch.checked": lazy_gettext("recorded a retaliation check"),
    "retaliation_watch.end_asked": lazy_gettext("asked to end the retaliation watch"),
    "retaliation_watch.end_declined": lazy_gettext("declined to end the retaliation watch"),
    "retaliation_watch.ended": lazy_gettext("ended the retaliation watch"),
    "retaliation_watch.opened": lazy_gettext("opened a retaliation watch"),
    "retaliation_watch.read": lazy_gettext("opened the retaliation watch"),
    "review.asked_back": lazy_gettext("asked the supplier to complete its answers"),
    "clarification.closed": lazy_gettext("stopped waiting for clarification"),
    "review.decided": lazy_gettext("reviewed the answers to a questionnaire"),
    "step.approval_approved": lazy_gettext("approved a change to a step"),
    "step.approval_asked": lazy_gettext("asked an approver to decide on a step"),
    "step.approval_declined": lazy_gettext("declined a change to a step"),
    "step.comment_added": lazy_gettext("commented on a step"),
    "step.due_changed": lazy_gettext("changed the due date of a step"),
    "step.evidence_added": lazy_gettext("added evidence to a step"),
    "step.owner_changed": lazy_gettext("changed the owner of a step"),
    "step.proposal_accepted": lazy_gettext("accepted a proposal from the supplier"),
    "step.proposal_declined": lazy_gettext("declined a proposal from the supplier"),
    "step.proposal_received": lazy_gettext("proposed a change to a step"),
    "step.read": lazy_gettext("opened a step"),
    "step.state_changed": lazy_gettext("changed the state of a step"),
    "unmerged": lazy_gettext("undid a merge with another supplier"),
    "worker_survey.accepted": lazy_gettext("accepted the result of a worker survey"),
    "worker_survey.closed": lazy_gettext("closed a worker survey"),
    "worker_survey.codes_issued": lazy_gettext("issued codes for a worker survey"),
    "worker_survey.created": lazy_gettext("created a worker survey"),
}
KINDS: Mapping[str, Any] = {
    "asking": lazy_gettext("Questionnaires"),
    "case": lazy_gettext("Case records"),
    "exit_paper": lazy_gettext("Exit papers"),
    "finding": lazy_gettext("Findings"),
    "remedy_account": lazy_gettext("Remedy accounts"),
    "reply": lazy_gettext("Letters"),
    "retaliation_watch": lazy_gettext("Retaliation watch"),
    "step": lazy_gettext("Steps"),
    "supplier_link": lazy_gettext("Links"),
    "watchlist_match": lazy_gettext("Watchlist matches"),
    "worker_survey": lazy_gettext("Worker surveys"),
}
MEDIA_TYPES = {
    "jsonl": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def show_activity(kind: str, supplier_id: str) -> str:
    """Show a page of who did what about a supplier, newest first, filtered by the query parameters. Raises ``not_found``."""
    filters = {name: request.args.get(name, "").strip() for name in ("actor", "object_type", "since", "until")}
    before = request.args.get("before", "")
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        objects = _list_objects(session, supplier)
        page = list_activity(
            session,
            objects,
            sees_worker_derived=get_caller().sees_worker_derived,
            object_type=filters["object_type"] or None,
            actor=filters["actor"] or None,
            since=parse_day_start(filters["since"]),
            until=parse_day_start(filters["until"], 1),
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        )
        names = list_actor_names(session)
    active: dict[str, Any] = {name: value for name, value in filters.items() if value}
    here = f"pages.{kind}_activity"
    return render_template(
        "activity.html",
        kind=kind,
        supplier=supplier,
        rows=[(event, describe_actor(event.actor, names), describe_event(event, names)) for event in page.events],
        older_url=url_for(here, supplier_id=supplier.id, **active, before=page.next_before)
        if page.next_before
        else None,
        filters=filters,
        names={actor: name for actor, name in names.items() if actor.startswith("user:")},
        kinds={name: KINDS[name] for name, ids in objects.items() if ids and name in KINDS},
        formats=tuple(MEDIA_TYPES) if get_caller().sees_worker_derived else (),
    )


def download_activity(kind: str, supplier_id: str, format: str) -> Response:  # noqa: A002  the name in the address
    """Return the events that the page shows, all of them, as a file. Raises DomainError ``not_found``."""
    if format not in MEDIA_TYPES:
        raise not_found("There is no file of this type.")
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        ids = [object_id for some in _list_objects(session, supplier).values() for object_id in some]
        events = iterate_events(session, ExportFilter(object_ids=ids), list_actor_names(session))
        data = export_workbook(events) if format == "xlsx" else export_lines(events)
    return build_download(data, MEDIA_TYPES[format], f"activity_{today(get_caller().time_zone).isoformat()}.{format}")


def _list_objects(session: Any, supplier: Any) -> dict[str, list[str]]:
    caller = get_caller()
    gate = load_gate(session, today(caller.time_zone))
    return list_visible_objects(
        session, supplier, gate, sees_worker_derived=caller.sees_worker_derived, reads_cases=caller.reads_cases
    )


def describe_actor(actor: str, names: Mapping[str, str]) -> str:
    """Return who did something, as the subject of a sentence."""
    kind = actor.partition(":")[0]
    if kind == "key":
        return str(_("API key %(name)s", name=names.get(actor, _("(deleted)"))))
    if kind == "link":
        return str(_("The supplier (through a link)"))
    return names.get(actor, str(_("A former user"))) if kind == "user" else "Diligence"


def describe_event(event: AuditEvent, names: Mapping[str, str]) -> str:
    """Return what was done, with the value before and after if the event says so."""
    kind, _dot, what = event.action.partition(".")
    name = what if kind in ("site", "agency") else event.action
    text = str(SENTENCES[name]) if name in SENTENCES else name.replace("_", " ").replace(".", ": ")
    before, after = (_format_value(event.details.get(end), names) for end in ("from", "to"))
    if before and after:
        return str(_("%(what)s from %(before)s to %(after)s", what=text, before=before, after=after))
    return str(_("%(what)s to %(after)s", what=text, after=after)) if after else text


def _format_value(value: Any, names: Mapping[str, str]) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_format_value(each, names) for each in value)
    return "" if value is None else names.get(f"user:{value}", str(value).replace("_", " "))
