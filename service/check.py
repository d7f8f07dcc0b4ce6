"""Whether the data of the three libraries fit each other: what models read is what questionnaires ask and facts hold.

The libraries are strangers; what joins them is a vocabulary of ids, and this is where it is held.
"""

from __future__ import annotations

from collections.abc import Sequence

from questionnaires.form import form_ids, load, load_reading_form
from questionnaires.words import BadFile, sectors
from risk_models.facts import BadFact, Facts
from risk_models.facts import load as load_facts
from risk_models.features import CANNOT_APPLY, DECLINED
from risk_models.model import MODELS, BadModel, Indicator, Model, load_all
from risk_models.plan import BadAction, load_actions, unanswered_findings, unreached_actions
from risk_models.transforms import Choices

RELEASED = MODELS / "RELEASED"


def faults_of_models() -> list[str]:
    """Everything that does not fit, as sentences; empty when models, forms and actions are whole."""
    try:
        models, actions, facts = load_all(), load_actions(), load_facts()
        for form in form_ids():
            load(form)
    except (BadModel, BadAction, BadFact, BadFile) as fault:
        return [str(fault)]
    faults = _released(models)
    faults += [f"actions: no action answers the finding {finding}" for finding in unanswered_findings(models, actions)]
    faults += [f"actions: nothing calls for the action {action}" for action in unreached_actions(models, actions)]
    for model in models:
        faults += _fits(model, facts)
    return faults


def faults_of_facts() -> list[str]:
    """Faults of the fact tables as sentences; empty when they load."""
    try:
        load_facts()
    except BadFact as fault:
        return [str(fault)]
    return []


def _released(models: Sequence[Model]) -> list[str]:
    """A released model is frozen: its file has the digest written down on the day of its release."""
    frozen = {}
    for line in RELEASED.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version, digest = line.split()
            frozen[name, version] = digest
    faults = []
    there = {(m.id, m.version): m.digest for m in models}
    for key, digest in frozen.items():
        if key not in there:
            faults.append(f"RELEASED: {key[0]} {key[1]} is gone")
        elif there[key] != digest:
            faults.append(
                f"{key[0]}/{key[1]}.toml: it was released and has been changed; give the change a new version"
            )
    return faults + [
        f"{m.id}/{m.version}.toml: it is not in RELEASED" for m in models if (m.id, m.version) not in frozen
    ]


def _fits(model: Model, facts: Facts) -> list[str]:
    name = f"{model.id}/{model.version}.toml"
    form = load_reading_form(model.kind)
    faults = []
    for indicator in model.indicators:
        question = form.by_id.get(indicator.question)
        if question is None:
            faults.append(f"{name}: {indicator.id} reads {indicator.reads}, which no form asks")
            continue
        if indicator.id not in question.feeds:
            faults.append(f"{form.file or form.id}: {question.id} does not say that it feeds {indicator.id}")
        faults += [
            f"{name}: {indicator.id}: {fault}"
            for fault in _answers_fit(indicator, question.type, [c.code for c in question.choices])
        ]
        faults += [
            f"{name}: {indicator.id} is ruled out by {q}, which no form asks"
            for q in indicator.ruled_out
            if q not in form.by_id
        ]
    faults += [
        f"{name}: the gate {g.id} reads {g.question}, which no form asks"
        for g in model.gates
        if g.question not in form.by_id
    ]
    reports = form.by_id.get("reported_harms")
    for choice in reports.choices if reports else ():
        if choice.code not in {i.id for i in model.indicators}:
            faults.append(f"{name}: workers may report {choice.code}, which the model cannot hear")
    for scaled in [f for c in model.every_context for f in c.facts]:
        table, fact = scaled.fact.split(".", 1)
        if table == "answer":
            if fact not in form.by_id:
                faults.append(f"{name}: a context reads {scaled.fact}, which no form asks")
        elif not facts.is_scored(f"{'country' if table == 'flag' else table}.{fact}"):
            faults.append(f"{name}: a context reads {scaled.fact}, which is no fact to be scored")
    faults += [
        f"{name}: serves {code!r}, which is no ISIC code"
        for code in model.serves
        if code and code not in sectors().names
    ]
    return faults


def _answers_fit(indicator: Indicator, kind: str, codes: Sequence[str]) -> list[str]:
    """Every answer the form offers has a risk, and every risk belongs to an answer."""
    if not isinstance(indicator.rule, Choices):
        return (
            []
            if kind in ("number", "money", "percent")
            else [f"reads numbers, and {indicator.question} is asked as {kind}"]
        )
    offered = {"yes", "no"} if kind == "yes_no" else set(codes)
    told = set(indicator.rule.table)
    if told & {DECLINED, CANNOT_APPLY}:
        return ["'declined' and 'cannot_apply' are no choices"]
    faults = [f"the answer {code!r} has no risk" for code in sorted(offered - told)]
    return faults + [f"the answer {code!r} is not offered" for code in sorted(told - offered)]
