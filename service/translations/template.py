"""Collect the English texts that suppliers and workers read, apart from those of forms, into a template (``suppliers.pot``).

``scripts/messages`` writes the template, from which ``pybabel init`` and ``pybabel update`` make the files of the languages. The
context (msgctxt) of a text is its kind; those of pages have none, as usual for gettext.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

from questionnaires.limits import REFUSALS
from risk_models.action_library import list_release_actions
from risk_models.action_releases import get_action_releases
from risk_models.model import Model, get_version_key, load_models

SERVICE = Path(__file__).parents[1]
ROOT = SERVICE.parent
TEMPLATE = Path(__file__).with_name("suppliers.pot")
# Templates and modules that build pages for suppliers.
TEMPLATES = (
    "questionnaire_cover.html",
    "questionnaire_files.html",
    "questionnaire_macros.html",
    "questionnaire_overview.html",
    "questionnaire_returned.html",
    "questionnaire_review.html",
    "questionnaire_section.html",
    "questionnaire_sent.html",
    "shared_*.html",
    "plain.html",
    "error.html",
    "supplier_page_macros.html",
    "upload_macros.html",
    "voice_export.html",
)
MODULES = (
    "online_questionnaires/*.py",
    "remediation/rules.py",
    "shared_plans/*.py",
    "supplier_links/*.py",
    "web/questionnaire*.py",
    "web/resumable_uploads.py",
    "web/shared_plan.py",
    "web/voice.py",
    "wiring/error_handlers.py",
)
# In Python, the words of a refusal are the third argument of DomainError, or the first of not_found.
KEYWORDS: dict[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2), "DomainError": (3,), "not_found": None}
# Words of the pages that are constants of a module.
CONSTANTS = {
    "questionnaires/worker_voice/collected.py": ("UNREADABLE",),
    "service/online_questionnaires/files.py": ("KINDS",),
    "service/outbox/mail_texts.py": ("TRANSLATED",),
    "service/report_content/contact_gate.py": ("SUPPLIER_TEXT",),
    "service/shared_plans/contents.py": ("STATES",),
    "service/shared_plans/proofs.py": ("KINDS",),
    "service/shared_plans/submissions.py": ("COST_SHARING", "POSITIONS"),
    "service/supplier_links/links.py": ("ADDRESSEES",),
    "service/web/questionnaire_views.py": ("LEVELS",),
    "service/web/shared_plan.py": ("SAVED",),
}
FILE_REFUSALS = (*(code for code in REFUSALS if code.startswith("proof.")), "file.corrupt", "file.empty")
MAIL_EVENTS = (
    "link.sent",
    "questionnaire.sent",
    "questionnaire.reminder",
    "questionnaire.asked_back",
    "questionnaire.clarification_reminder",
)  # emails to suppliers


def build_template() -> Catalog:
    """Build the template: every text once, with what a translator has to know about it."""
    catalog = Catalog(project="Diligence")
    for text, comments in _read_code():
        catalog.add(text, auto_comments=comments)
    for code in FILE_REFUSALS:
        catalog.add(" ".join(REFUSALS[code]), auto_comments=["Reason why a file is not accepted"])
    for kind, english, comment in (
        *_read_issues(),
        *_read_mails(),
        *_read_notices(),
        *_read_plans(),
        *_read_scorecards(),
    ):
        catalog.add(english, context=kind, auto_comments=[comment] if comment else ())
    return catalog


def write_template(path: Path) -> None:
    """Write the template to a file."""
    with path.open("wb") as file:
        write_po(file, build_template(), sort_output=True, omit_header=True, no_location=True, width=0)


def _read_code() -> Iterator[tuple[Any, list[str]]]:
    for pattern in TEMPLATES:
        for path in sorted((SERVICE / "web/templates").glob(pattern)):
            for _line, text, comments, _context in extract_from_file("jinja2", path):
                yield text, comments
    for pattern in MODULES:
        for path in sorted(SERVICE.glob(pattern)):
            for _line, text, comments, _context in extract_from_file("python", path, keywords=KEYWORDS):
                yield text, comments
    for name, constants in CONSTANTS.items():
        for node in ast.parse((ROOT / name).read_text(encoding="utf-8")).body:
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            if any(isinstance(target, ast.Name) and target.id in constants for target in targets):
                value = ast.literal_eval(node.value)  # type: ignore[attr-defined]
                for text in [value] if isinstance(value, str) else value.values():
                    yield text, []


def _read_toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _read_issues() -> Iterator[tuple[str, str, str]]:
    for code, text in _read_toml(ROOT / "questionnaires/lists/respondent_issues.toml").items():
        if text:
            yield "answers", text, f"What is said about an answer ({code}); {{seen}} is the answer"


def _read_mails() -> Iterator[tuple[str, str, str]]:
    texts = _read_toml(SERVICE / "outbox/mail_texts.toml")["en"]
    for event in MAIL_EVENTS:
        yield "mails", texts[event]["subject"], f"Subject of an email ({event})"
        yield "mails", texts[event]["body"].strip(), f"Body of an email ({event})"


def _read_notices() -> Iterator[tuple[str, str, str]]:
    def walk(value: Any, path: str) -> Iterator[tuple[str, str, str]]:
        if isinstance(value, str):
            yield "notices", value, f"Notice for workers: {path}"
        elif isinstance(value, dict | list):
            items = value.items() if isinstance(value, dict) else ((path.rpartition(".")[2], one) for one in value)
            for key, one in items:
                yield from walk(one, f"{path}.{key}".lstrip(".") if isinstance(value, dict) else path)

    yield from walk(_read_toml(SERVICE / "worker_notice/notice.toml"), "")


def _read_plans() -> Iterator[tuple[str, str, str]]:
    for action in list_release_actions(list(get_action_releases().values())[-1]):
        if action.owner != "buyer":
            yield "plans", action.title, f"Title of a step ({action.id})"
            yield "plans", action.do, f"What to do in a step ({action.id})"
    models: defaultdict[str, dict[date, Model]] = defaultdict(dict)
    for model in sorted(load_models(), key=lambda one: get_version_key(one.version)):
        models[model.id][model.effective] = model  # a release replaces an earlier one of the same day
    for model_id in sorted(models):
        for model in list(models[model_id].values())[-2:]:  # the one in force, and the one that follows it
            for title in (*(part.title for part in model.indicators), *(part.title for part in model.floors)):
                yield "plans", title, "Title of a finding"


def _read_scorecards() -> Iterator[tuple[str, str, str]]:
    for part, texts in _read_toml(ROOT / "reports/short/scorecard.toml").items():
        for key, text in texts.items():
            yield "scorecards", text, f"Scorecard of a supplier: {part}.{key}"


if __name__ == "__main__":
    write_template(Path(sys.argv[1]) if len(sys.argv) > 1 else TEMPLATE)
