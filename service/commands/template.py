"""``diligence template``: write a blank questionnaire, or a list for the buyer to fill in."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import Any

from service.commands.files import UsageError, make_folder

DONE = 0


def add_commands(commands: Any) -> None:
    """Add the command ``template``."""
    template = commands.add_parser("template", help="write a blank questionnaire as a workbook")
    template.add_argument(
        "form",
        metavar="FORM",
        help="site, agency, case, repayment, buyer, or a sector form such as site_fishing",
    )
    template.add_argument(
        "--country",
        metavar="ISO2",
        help="country to which the questionnaire is sent; questions that would be dangerous to answer there are left "
        "out",
    )
    template.add_argument(
        "--own-list",
        action="store_true",
        help="write a list of sites or agencies for you to fill in yourself; it also "
        "contains the questions for buyers, and a blank counts as not asked",
    )
    template.add_argument(
        "--layout",
        choices=("table", "questions", "xlsform", "pdf"),
        default="table",
        help="table: a row per supplier; questions: a row per question; xlsform: for KoboToolbox and ODK; pdf: for "
        "printing",
    )
    template.add_argument(
        "--language",
        default="en",
        metavar="CODE",
        help="language of the PDF; in other layouts, this language comes first",
    )
    template.add_argument("--out", required=True, metavar="F")
    template.set_defaults(run=_write_template)


def _write_template(arguments: argparse.Namespace) -> int:
    from questionnaires.form import load_form
    from questionnaires.languages import load_language
    from questionnaires.lookups import DataFileError, load_countries
    from questionnaires.workbook import build_template, list_outgoing_questions, list_own_questions
    from risk_models.facts.facts import load_facts
    from risk_models.facts.goods import list_recognised_goods
    from service.errors import DomainError
    from service.questionnaires_sent.form_files import build_form_file, list_form_languages

    try:
        form = load_form(arguments.form)
    except DataFileError as error:
        raise UsageError(f"there is no form '{arguments.form}'. {error.cure}") from error
    country = load_countries().find(arguments.country) if arguments.country else None
    if arguments.country and country is None:
        raise UsageError(f"'{arguments.country}' is not a country.")
    if arguments.own_list and form.kind not in ("site", "agency"):
        raise UsageError(f"--own-list is for lists of sites or agencies, and the form '{form.id}' is neither.")
    if arguments.layout != "table" and (arguments.own_list or form.kind not in ("site", "agency")):
        raise UsageError(f"--layout {arguments.layout} is for forms that suppliers fill in.")
    if arguments.language not in list_form_languages():
        raise UsageError(f"--language: the languages are {', '.join(list_form_languages())}.")
    out, on = Path(arguments.out), date.today()
    make_folder(out.parent)
    goods = list_recognised_goods(load_facts().as_of(on))
    if arguments.own_list:
        data = build_template(form, country=country, for_buyer=True, goods=goods)
    else:
        try:
            languages = sorted(
                map(load_language, list_form_languages()), key=lambda one: one.code != arguments.language
            )
            data = build_form_file(form, arguments.layout, on, languages=languages, country=country, goods=goods).data
        except DomainError as error:
            raise UsageError(str(error)) from error
    out.write_bytes(data)
    asked = len(list_own_questions(form) if arguments.own_list else list_outgoing_questions(form, country))
    print(f"{form.title}, version {form.version}: {asked} questions. Written to {out}.")
    return DONE
