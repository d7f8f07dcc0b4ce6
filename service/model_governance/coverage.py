"""Where each published indicator, principle and flag lives: in a model, a question, an action, a case rule, or in an excuse.

The ids are those of ``risk_models/standards/``; what lives nowhere stands in ``risk_models/excused.toml`` with its reason.
``docs/coverage.md`` is this, written down.
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
from risk_models.buyer import load_all_rules as load_practices
from risk_models.model import Model, load_all
from risk_models.plan import load_actions
from service.report_content.sources import Source, families

EXCUSED = Path(risk_models.__file__).parent / "excused.toml"
CASES = Path(risk_models.__file__).parent / "cases"
FAMILY = re.compile(r"C\d+|[A-Z]+")
WHOLE_PUBLICATIONS = ("references", "own")
KINDS = ("indicator", "context", "floor", "question", "action", "buyer's practice", "case records")
HEAD = """# Where each published indicator lives

Written by `diligence models coverage --out docs/coverage.md`; change the data, not this page. Newest versions of all.

*Indicator*, *context* and *floor* are of a model (a bracket names the models; none means all of that kind); *question*: the form
asks about it; *action*: a step of the plan answers it; *buyer's practice*: the buyer's own form asks about it; *case records*: it
is read from what interviews, grievances and inspections found. What lives nowhere is left out on purpose; the reason stands
beside it (`risk_models/excused.toml`).
"""


@dataclass(frozen=True)
class Excuses:
    """The families that must be covered, and by id why it lives nowhere."""

    families: tuple[str, ...]
    because: Mapping[str, str]


def excuses(file: Path = EXCUSED) -> Excuses:
    """The file of excuses."""
    told = tomllib.loads(file.read_text(encoding="utf-8"))
    return Excuses(tuple(told["families"]), {i: excuse["because"] for excuse in told["excuse"] for i in excuse["ids"]})


def expected(told: Excuses) -> dict[str, list[Source]]:
    """The ids that must live somewhere, by family, in the order of the register."""
    wanted: dict[str, list[Source]] = {name: [] for name in told.families}
    for family in families():
        for source in family.sources if family.id not in WHOLE_PUBLICATIONS else ():
            found = FAMILY.match(source.id)
            if found and found[0] in wanted:
                wanted[found[0]].append(source)
    return wanted


@cache
def places() -> Mapping[str, Mapping[str, str]]:
    """By id and kind (one of KINDS), the names of what carries it, as text."""
    found: dict[str, dict[str, dict[str, list[str]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    models = _newest()
    for model in models:
        for kind, items in (("indicator", model.indicators), ("context", model.every_context), ("floor", model.floors)):
            for item in items:
                for source in item.sources:
                    found[source][kind][f"`{item.id}`"].append(model.id)
    for form in list_form_ids():
        for question in load_form(form).questions:
            for source in question.sources:
                found[source]["question"][f"`{question.id}`"].append("")
    for action in load_actions():
        for source in action.sources:
            found[source]["action"][f"`{action.id}`"].append("")
    for practice in max(load_practices(), key=lambda rules: (rules.effective, rules.version)).practices:
        for source in practice.sources:
            found[source]["buyer's practice"][f"`{practice.id}`"].append("")
    for file in sorted(CASES.glob("*.toml")):
        for text in set(_texts(tomllib.loads(file.read_text(encoding="utf-8")))):
            found[text]["case records"][""].append("")
    kinds = {model.id: model.kind for model in models}
    return {source: {kind: _named(names, kinds) for kind, names in there.items()} for source, there in found.items()}


def faults(told: Excuses | None = None) -> list[str]:
    """Ids that live nowhere and are not excused, excuses for what lives, and excuses for what is no id; as sentences.

    ``told``: the excuses; those of the file unless given.
    """
    told = told or excuses()
    wanted = [source.id for sources in expected(told).values() for source in sources]
    excused, there = told.because, places()
    return (
        [f"{i} lives nowhere and is not excused" for i in wanted if i not in there and i not in excused]
        + [f"{i} is excused, and lives in {_lives(there[i])}" for i in excused if i in there]
        + [f"{i} is excused, and is no id of these families" for i in excused if i not in wanted]
    )


def page() -> str:
    """The whole of docs/coverage.md."""
    lines = [HEAD]
    told, there = excuses(), places()
    for family, sources in expected(told).items():
        lives = sum(source.id in there for source in sources)
        lines += [f"## {family}: {lives} of {len(sources)} live, {len(sources) - lives} left out", ""]
        lines += ["| id | what | where |", "|---|---|---|"]
        for source in sources:
            where = _lives(there[source.id]) if source.id in there else f"left out: {told.because.get(source.id, '?')}"
            lines.append(f"| {source.id} | {source.title.replace('|', '/')} | {where} |")
        lines.append("")
    return "\n".join(lines)


def _newest() -> tuple[Model, ...]:
    """The newest version of each model, in force or still to come."""
    versions = sorted(load_all(), key=lambda model: (model.effective, model.version))
    return tuple({model.id: model for model in versions}.values())


def _texts(data: object) -> Iterator[str]:
    """Every text in TOML data."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from _texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts(value)


def _named(names: Mapping[str, list[str]], kinds: Mapping[str, str]) -> str:
    """The names, those of the same models together; in brackets which models, unless it is all of their kind."""
    together: dict[str, list[str]] = defaultdict(list)
    for name, where in names.items():
        of_kind = {kinds[model] for model in where if model in kinds}
        every = {model for model, kind in kinds.items() if kind in of_kind}
        together["" if set(where) >= every else f" ({', '.join(where)})"].append(name)
    return "; ".join(", ".join(some) + where for where, some in together.items())


def _lives(there: Mapping[str, str]) -> str:
    return "; ".join(f"{kind} {there[kind]}".strip() for kind in KINDS if kind in there)
