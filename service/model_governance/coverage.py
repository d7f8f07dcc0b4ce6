"""Find where each published indicator, principle and flag is covered: by a model, a question, an action or a case rule.

The ids are those of ``risk_models/standards/``. What is not covered is listed in ``risk_models/excused.toml`` with the reason.
``docs/coverage.md`` is the page built here.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import risk_models
from questionnaires.form import list_form_ids, load_form
from risk_models.buyer import load_all_practice_rules as load_practices
from risk_models.model import Model, load_models
from risk_models.plan import load_actions
from service.report_content.sources import Source, load_source_families

EXCLUSIONS_FILE = Path(risk_models.__file__).parent / "excused.toml"
CASES_FOLDER = Path(risk_models.__file__).parent / "cases"
FAMILY_PATTERN = re.compile(r"C\d+|[A-Z]+")
UNTRACKED_FAMILIES = ("references", "own")
CITATION_KINDS = ("indicator", "context", "floor", "question", "action", "buyer's practice", "case records")
PAGE_HEADER = """# Where each published indicator lives

Written by `diligence models coverage --out docs/coverage.md`; change the data, not this page. Newest versions of all.

*Indicator*, *context* and *floor* are of a model (a bracket names the models; none means all of that kind); *question*: the form
asks about it; *action*: a step of the plan answers it; *buyer's practice*: the buyer's own form asks about it; *case records*: it
is read from what interviews, grievances and inspections found. What lives nowhere is left out on purpose; the reason stands
beside it (`risk_models/excused.toml`).
"""


@dataclass(frozen=True)
class Exclusions:
    """The families that must be covered, and the reason for each id that is not."""

    families: tuple[str, ...]
    reasons: Mapping[str, str]


def load_exclusions(file: Path = EXCLUSIONS_FILE) -> Exclusions:
    """Load the file of exclusions."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    return Exclusions(
        tuple(data["families"]),
        {source_id: excuse["because"] for excuse in data["excuse"] for source_id in excuse["ids"]},
    )


def list_required_sources(exclusions: Exclusions) -> dict[str, list[Source]]:
    """Return the sources that must be covered, by family, in the order of the register."""
    required: dict[str, list[Source]] = {name: [] for name in exclusions.families}
    for family in load_source_families():
        for source in family.sources if family.id not in UNTRACKED_FAMILIES else ():
            match = FAMILY_PATTERN.match(source.id)
            if match and match[0] in required:
                required[match[0]].append(source)
    return required


@cache
def index_citations() -> Mapping[str, Mapping[str, str]]:
    """Return the items that cite a source, as text, by source id and kind of item (one of CITATION_KINDS)."""
    citations: dict[str, dict[str, dict[str, list[str]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    models = _list_newest_models()
    for model in models:
        for kind, items in (("indicator", model.indicators), ("context", model.all_contexts), ("floor", model.floors)):
            for item in items:
                for source in item.sources:
                    citations[source][kind][f"`{item.id}`"].append(model.id)
    for form in list_form_ids():
        for question in load_form(form).questions:
            for source in question.sources:
                citations[source]["question"][f"`{question.id}`"].append("")
    for action in load_actions():
        for source in action.sources:
            citations[source]["action"][f"`{action.id}`"].append("")
    for practice in max(load_practices(), key=lambda rules: (rules.effective, rules.version)).practices:
        for source in practice.sources:
            citations[source]["buyer's practice"][f"`{practice.id}`"].append("")
    for file in sorted(CASES_FOLDER.glob("*.toml")):
        for text in set(_iter_texts(tomllib.loads(file.read_text(encoding="utf-8")))):
            citations[text]["case records"][""].append("")
    kinds = {model.id: model.kind for model in models}
    return {
        source: {kind: _format_names(names, kinds) for kind, names in by_kind.items()}
        for source, by_kind in citations.items()
    }


def list_coverage_faults(exclusions: Exclusions | None = None) -> list[str]:
    """Return ids that are neither covered nor excluded, exclusions of covered ids, and exclusions of unknown ids, as sentences.

    ``exclusions``: by default those of the file.
    """
    exclusions = exclusions or load_exclusions()
    required = [source.id for sources in list_required_sources(exclusions).values() for source in sources]
    reasons, citations = exclusions.reasons, index_citations()
    return (
        [
            f"{source_id} lives nowhere and is not excused"
            for source_id in required
            if source_id not in citations and source_id not in reasons
        ]
        + [
            f"{source_id} is excused, and lives in {_format_citations(citations[source_id])}"
            for source_id in reasons
            if source_id in citations
        ]
        + [
            f"{source_id} is excused, and is no id of these families"
            for source_id in reasons
            if source_id not in required
        ]
    )


def build_page() -> str:
    """Return the content of docs/coverage.md."""
    lines = [PAGE_HEADER]
    exclusions, citations = load_exclusions(), index_citations()
    for family, sources in list_required_sources(exclusions).items():
        cited_count = sum(source.id in citations for source in sources)
        lines += [f"## {family}: {cited_count} of {len(sources)} live, {len(sources) - cited_count} left out", ""]
        lines += ["| id | what | where |", "|---|---|---|"]
        for source in sources:
            places = (
                _format_citations(citations[source.id])
                if source.id in citations
                else f"left out: {exclusions.reasons.get(source.id, '?')}"
            )
            lines.append(f"| {source.id} | {source.title.replace('|', '/')} | {places} |")
        lines.append("")
    return "\n".join(lines)


def _list_newest_models() -> tuple[Model, ...]:
    """Return the newest version of each model, in force or not yet."""
    versions = sorted(load_models(), key=lambda model: (model.effective, model.version))
    return tuple({model.id: model for model in versions}.values())


def _iter_texts(data: object) -> Iterator[str]:
    """Yield every text in TOML data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from _iter_texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _iter_texts(value)


def _format_names(names: Mapping[str, list[str]], kind_by_model: Mapping[str, str]) -> str:
    """Return names as text, grouped by their models; these follow in brackets, unless they are all models of their kind."""
    names_by_models: dict[str, list[str]] = defaultdict(list)
    for name, models in names.items():
        of_kind = {kind_by_model[model] for model in models if model in kind_by_model}
        all_of_kind = {model for model, kind in kind_by_model.items() if kind in of_kind}
        names_by_models["" if set(models) >= all_of_kind else f" ({', '.join(models)})"].append(name)
    return "; ".join(", ".join(names_of_models) + models for models, names_of_models in names_by_models.items())


def _format_citations(citations: Mapping[str, str]) -> str:
    return "; ".join(f"{kind} {citations[kind]}".strip() for kind in CITATION_KINDS if kind in citations)
