"""Pages of surveys among the workers of a supplier: set one up, print its codes, close it, read its figures and accept them."""

from __future__ import annotations

from collections.abc import Callable

import segno
from flask import Response, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from questionnaires.languages import ENGLISH
from questionnaires.lookups import load_countries
from questionnaires.worker_voice.form import (
    EVERYONE,
    OTHER,
    load_voice_language,
    load_worker_voice_form,
)
from questionnaires.worker_voice.publication import load_publication_rules
from reports.formats import FORMATS
from service.auth.caller import get_caller, read_session, write_session
from service.case_reading.worker_selection import CHOSEN_BY, NO_ONE
from service.clock import now
from service.db.account_tables import User
from service.db.tables import Supplier
from service.db.worker_voice_tables import WorkerSurvey
from service.errors import DomainError
from service.remediation.steps import Act, build_act
from service.report_content.contact_gate import list_worker_places
from service.suppliers import repository as suppliers
from service.web.downloads import build_download
from service.web.form_fields import parse_day, parse_number
from service.worker_voice import acceptance, collecting, surveys

NOT_DIVIDED = "none"  # in the form: no cut
RUN_BY_TITLES = {
    "union": lazy_gettext("A union or a worker committee"),
    "ngo": lazy_gettext("An NGO"),
    "interviewer": lazy_gettext("An independent interviewer"),
}
REASON_TITLES = {
    "too_few": lazy_gettext("Too few answers in every group."),
    "adverse": lazy_gettext("If accepted, this becomes a finding in a case record and raises the risk."),
    "between": lazy_gettext(
        "No effect: too few adverse answers for a finding, but too many to support the supplier's answers."
    ),
    "chosen_by_management": lazy_gettext(
        "No effect: management chose these workers, so their answers can never lower the risk."
    ),
    "few_of_workers": lazy_gettext(
        "No effect: fewer than one in ten workers answered, so the answers cannot lower the risk."
    ),
    "good": lazy_gettext("If accepted, this becomes evidence for the supplier's answers."),
}


def show_surveys(kind: str, supplier_id: str) -> Response:
    """Show the surveys among the workers of a supplier, and the form to set one up."""
    return _render_surveys(kind, supplier_id, None)


def _render_surveys(kind: str, supplier_id: str, error: DomainError | None) -> Response:
    act, form = build_act(get_caller(), now()), load_worker_voice_form()
    with read_session() as session:
        supplier = suppliers.get_supplier(session, kind, supplier_id)
        listed = surveys.list_surveys(session, supplier.id)
        languages = surveys.load_voice_languages(session)
    names = load_countries().names
    html = render_template(
        "surveys.html",
        kind=kind,
        supplier=supplier,
        surveys=listed,
        places={code: names.get(code, code) for code in sorted(list_worker_places(kind, supplier.answers))},
        run_by=RUN_BY_TITLES,
        chosen_by={code: title for code, title in CHOSEN_BY.items() if code != NO_ONE},
        languages=[(language, form.is_confirmed(language)) for language in languages.values()],
        cuts=form.cuts,
        countries=sorted(names.items(), key=lambda pair: pair[1]),
        rules=surveys.load_survey_rules()["survey"],
        publication=load_publication_rules(),
        today=act.on,
        values=request.form,
        error=error,
    )
    return make_response(html, error.status if error else 200)


def create_survey(kind: str, supplier_id: str) -> AnyResponse:
    """Set up a survey."""
    form = request.form
    countries = form.getlist("groups") if form.get("cut") == surveys.ORIGIN else ()
    try:
        plan = surveys.SurveyPlan(
            country=form.get("country", ""),
            run_by=form.get("run_by", ""),
            runner=form.get("runner", ""),
            chosen_by=form.get("chosen_by", ""),
            languages=form.getlist("languages"),
            workers=parse_number(form.get("workers", "")) or 0,
            cut=None if form.get("cut", NOT_DIVIDED) == NOT_DIVIDED else form["cut"],
            groups=[country for country in countries if country],
            opens_on=parse_day(form.get("opens_on", "")),
            closes_on=parse_day(form.get("closes_on", "")),
        )
        with write_session() as session:
            supplier = suppliers.get_supplier(session, kind, supplier_id)
            survey = surveys.create_survey(session, supplier, plan, build_act(get_caller(), now()))
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_surveys(kind, supplier_id, error)
    flash(_("Survey set up. Print the codes next."))
    return redirect(url_for("pages.survey", survey_id=survey.id), 303)


def show_survey(survey_id: str) -> Response:
    """Show a survey, and its figures once it is closed."""
    return _render_survey(survey_id, None)


def _render_survey(survey_id: str, error: DomainError | None) -> Response:
    act = build_act(get_caller(), now())
    with read_session() as session:
        survey = surveys.get_survey(session, survey_id)
        supplier = session.get_one(Supplier, survey.supplier_id)
        names = {f"user:{user.id}": user.name for user in session.scalars(select(User))}
    form = load_worker_voice_form(survey.form_version)
    groups = surveys.describe_groups(survey, form, load_voice_language(ENGLISH)) or {EVERYONE: _("All workers")}
    html = render_template(
        "survey.html",
        survey=survey,
        supplier=supplier,
        readings=acceptance.read_survey(survey),
        groups={group: _("All others") if group == OTHER else title for group, title in groups.items()},
        reasons=REASON_TITLES,
        run_by=RUN_BY_TITLES,
        chosen_by=CHOSEN_BY,
        languages=[load_voice_language(code).english_name for code in survey.languages],
        cut=form.cuts[survey.cut].title if survey.cut else _("Not grouped"),
        publication=load_publication_rules(),
        names=names,
        today=act.on,
        error=error,
    )
    return make_response(html, error.status if error else 200)


def issue_codes(survey_id: str) -> AnyResponse:
    """Show new codes as slips to be printed. They are shown only in this response."""
    act = build_act(get_caller(), now())
    try:
        with write_session() as session:
            survey = _get_seen(session, survey_id)
            codes = surveys.issue_codes(session, survey, parse_number(request.form.get("codes", "")) or 0, act)
            translations = surveys.load_voice_languages(session)
            languages = [translations[code] for code in survey.languages]
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_survey(survey_id, error)
    address = url_for("voice.show", address=survey.address, _external=True)
    form = load_worker_voice_form(survey.form_version)
    html = render_template(
        "survey_codes.html",
        survey=survey,
        codes=codes,
        address=address,
        picture=segno.make(address, error="m").svg_data_uri(border=2),
        texts=[(one.code, one.translate(form.texts["title"]), one.translate(form.texts["code"])) for one in languages],
    )
    return make_response(html)


def download_form(survey_id: str) -> Response:
    """Return the XLSForm of a survey; with the query ``recordings``, one that names a recording of each statement."""
    with read_session() as session:
        survey = surveys.get_survey(session, survey_id)
        on = build_act(get_caller(), now()).on
        data = collecting.build_form(session, survey, on, has_recordings="recordings" in request.args)
    return build_download(data, FORMATS["xlsx"].media_type, f"worker_voice_{survey.address}.xlsx")


def download_recordings(survey_id: str) -> Response:
    """Return the list of the recordings that the XLSForm names."""
    with read_session() as session:
        survey = surveys.get_survey(session, survey_id)
        data = collecting.build_list_of_recordings(session, survey, build_act(get_caller(), now()).on)
    return build_download(data, FORMATS["csv"].media_type, f"worker_voice_{survey.address}_recordings.csv")


def close(survey_id: str) -> AnyResponse:
    """Close a survey, which publishes its figures."""

    def change(session: Session, survey: WorkerSurvey, act: Act) -> None:
        if request.form.get("confirmed") != "yes":
            raise DomainError("survey.confirm", 422, _("Confirm that the survey is over."))
        surveys.close_survey(session, survey, act)

    return _change(survey_id, change, _("Survey closed."))


def accept(survey_id: str) -> AnyResponse:
    """Let the statements that were ticked count."""

    def change(session: Session, survey: WorkerSurvey, act: Act) -> None:
        acceptance.accept(session, survey, request.form.getlist("statements"), get_caller().name, act)

    return _change(survey_id, change, _("Accepted. The supplier has been reassessed."))


def _get_seen(session: Session, survey_id: str) -> WorkerSurvey:
    """Return a survey in the version that the form was shown for, locked."""
    return surveys.get_survey(session, survey_id, version=parse_number(request.form.get("version", "")), lock=True)


def _change(survey_id: str, change: Callable[[Session, WorkerSurvey, Act], None], done: str) -> AnyResponse:
    try:
        with write_session() as session:
            change(session, _get_seen(session, survey_id), build_act(get_caller(), now()))
    except DomainError as error:
        if error.code == "not_found":
            raise
        return _render_survey(survey_id, error)
    flash(done)
    return redirect(url_for("pages.survey", survey_id=survey_id), 303)
