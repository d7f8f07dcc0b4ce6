"""``diligence forms``: check the forms that are sent to suppliers, and compare two versions of one.

Exit status: 0 if nothing is wrong; 1 if a fault was found; 2 if there is no such form or version.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import Any

DONE, FAULTS, CANNOT = 0, 1, 2


def add_commands(commands: Any) -> None:
    """Add these commands to a parser's commands."""
    forms = commands.add_parser("forms", help="check the forms sent to suppliers, and compare versions").add_subparsers(
        required=True, metavar="check | changes"
    )
    about = "check that forms are short, plain and complete, and count their translated texts"
    forms.add_parser("check", help=about, description=about).set_defaults(run=partial(_run, _check))
    about = "compare two versions of a form: what is carried over, reworded, changed, added or dropped"
    changes = forms.add_parser("changes", help=about, description=about)
    changes.add_argument("form", help="the form, for example site_fishing")
    changes.add_argument("before", metavar="A", help="the earlier version, for example 2026.5")
    changes.add_argument("after", metavar="B", nargs="?", help="the later version (default: the newest)")
    changes.set_defaults(run=partial(_run, _list_changes))


def _run(command: Any, arguments: argparse.Namespace) -> int:
    from questionnaires.lookups import DataFileError

    try:
        return int(command(arguments))
    except DataFileError as error:
        print(f"diligence: {error}", file=sys.stderr)
        return CANNOT


def _check(_: argparse.Namespace) -> int:
    from questionnaires.languages import load_language
    from service.model_governance.form_check import check_forms
    from service.translations.catalog import list_text_languages, list_texts, load_shipped_texts

    reports = check_forms()
    for report in reports:
        print(
            f"{report.form.id:<20} {report.form.version:<8} {report.questions:>3} questions in {report.minutes:.0f} "
            f"minutes; core: {report.core_questions} in {report.core_minutes:.0f}; reading grade up to "
            f"{report.grade:.1f}"
        )
        for code, count in report.translations.items():
            print(
                f"    {load_language(code).english_name}: {count.translated} of {count.total} texts of the core translated, "
                f"{count.confirmed} confirmed"
            )
    print("Everything that suppliers and workers read, including forms:")
    for code in list_text_languages():
        texts = load_shipped_texts(code)
        read = texts.count(list_texts())
        print(
            f"    {texts.locale.english_name}: {read.total - read.missing} of {read.total} texts translated, "
            f"{read.states['confirmed']} confirmed; {read.missing} appear in English"
        )
    faults = [fault for report in reports for fault in report.faults]
    for fault in faults:
        print(fault, file=sys.stderr)
    print("No problems found." if not faults else f"Problems found: {len(faults)}.")
    return FAULTS if faults else DONE


def _list_changes(arguments: argparse.Namespace) -> int:
    from questionnaires.form import load_form
    from questionnaires.form_changes import compare_versions

    before, after = (load_form(arguments.form, version) for version in (arguments.before, arguments.after))
    changes = compare_versions(before, after)
    print(f"{after.title}: from version {before.version} to {after.version}")
    print(f"Carried over unchanged: {len(changes.carried)} questions")
    for heading, questions in (("Reworded", changes.reworded), ("New", changes.new), ("Dropped", changes.dropped)):
        print(f"{heading}: {', '.join(questions) or 'none'}")
    print("Changed:" if changes.changed else "Changed: none")
    for question, parts in changes.changed.items():
        print(f"    {question}: {', '.join(parts)}")
    return DONE
