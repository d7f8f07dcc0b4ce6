"""Whether the data of the three libraries fit each other: what models read is what questionnaires ask and facts hold.

The libraries are strangers; what joins them is a vocabulary of ids, and this is where it is held.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from questionnaires.form import list_form_ids, load_combined_form, load_form
from questionnaires.lookups import DataFileError, load_sectors
from risk_models.action_releases import action_releases
from risk_models.answers import DECLINED
from risk_models.buyer import BuyingPractice, PracticeRules
from risk_models.buyer import load_all_rules as load_practices
from risk_models.data_file import DataFileError as RiskDataError
from risk_models.data_file import list_released_lines
from risk_models.facts.facts import Facts, get_description_id, load_facts
from risk_models.facts.releases import list_release_faults as faults_of_editions
from risk_models.features import CANNOT_APPLY
from risk_models.findings import findings_of, group_faults, unanswered_findings, unreached_actions
from risk_models.model import MODELS_FOLDER, Indicator, Model, load_all
from risk_models.plan import load_actions, with_groups
from risk_models.transforms import Choices, Since
from service.assessment.export_json import actions_digest, actions_part
from service.case_reading.records import faults_of_cases

NUMBERS = ("number", "money", "percent")


def faults_of_models() -> list[str]:
    """Everything that does not fit, as sentences; empty when models, forms and actions are whole."""
    try:
        models, actions, facts = load_all(), load_actions(), load_facts()
        for form in list_form_ids():
            load_form(form)
    except (RiskDataError, DataFileError) as fault:
        return [str(fault)]
    buying = load_practices()
    findings = [*findings_of(models), *(finding for rules in buying for finding in rules.possible_findings)]
    faults = _released()
    faults += [fault for rules in buying for fault in _practices_fit(rules)]
    digest = actions_digest(actions_part(actions))
    if digest not in action_releases():
        faults.append(f"actions: they changed since the last release; add to RELEASED, with its name: NAME {digest}")
    faults += group_faults(models, actions)
    actions = with_groups(actions, models)
    faults += [f"actions: no action answers the finding {told}" for told in unanswered_findings(findings, actions)]
    faults += [f"actions: nothing calls for the action {action}" for action in unreached_actions(findings, actions)]
    newest = {model.id: model for model in sorted(models, key=lambda m: (m.effective, m.version))}
    for model in models:
        faults += _fits(model, facts, newest=newest[model.id] is model)
    for model in newest.values():
        faults += _told_by_fits(model, [other for other in newest.values() if other.kind == model.kind])
    return faults + faults_of_cases()


def faults_of_facts() -> list[str]:
    """Faults of the fact tables as sentences; empty when they load and what was released stands unchanged."""
    try:
        return faults_of_editions()
    except RiskDataError as fault:
        return [str(fault)]


def _released() -> list[str]:
    """A released file of a model or a core is frozen: it has the digest written down on the day of its release."""
    frozen = {f"{name}/{version}.toml": digest for name, version, digest in list_released_lines(MODELS_FOLDER)}
    there = {
        f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(MODELS_FOLDER.glob("*/*.toml"))
    }
    faults = [f"RELEASED: {file} is gone" for file in frozen if file not in there]
    faults += [
        f"{file}: it was released and has been changed; give the change a new version"
        for file, digest in there.items()
        if frozen.get(file, digest) != digest
    ]
    return faults + [f"{file}: it is not in RELEASED" for file in there if file not in frozen]


def _fits(model: Model, facts: Facts, *, newest: bool) -> list[str]:
    """Faults of one model. Only the newest version must know every answer the newest forms offer: an older one is frozen,
    and an answer that came after it reads as not asked there.
    """
    name = f"{model.id}/{model.version}.toml"
    form = load_combined_form(model.kind)
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
            for fault in _answers_fit(indicator, question.type, [c.code for c in question.choices], newest=newest)
        ]
        faults += [
            f"{name}: {indicator.id} hears {code!r} of {q}, which no form offers"
            for q, codes in indicator.report_sources.items()
            for code in codes
            if q not in form.by_id or code not in {c.code for c in form.by_id[q].choices}
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
    heard = {code for i in model.indicators for code in i.report_sources.get("reported_harms", (i.id,))}
    for choice in reports.choices if reports and newest else ():
        if choice.code not in heard:
            faults.append(f"{name}: workers may report {choice.code}, which the model cannot hear")
    for scaled in [f for c in model.every_context for f in c.facts]:
        if scaled.fact.startswith("answer."):
            if scaled.fact.removeprefix("answer.") not in form.by_id:
                faults.append(f"{name}: a context reads {scaled.fact}, which no form asks")
        elif not facts.is_scored(get_description_id(scaled.fact)):
            faults.append(f"{name}: a context reads {scaled.fact}, which is no fact to be scored")
    faults += [
        f"{name}: serves {code!r}, which is no ISIC code"
        for code in model.serves
        if code and code not in load_sectors().names
    ]
    return faults


def _told_by_fits(model: Model, kind: Sequence[Model]) -> list[str]:
    """What tells of a pack's trade is asked by its form, by no other, and leaves nothing out that it alone reads."""
    if not model.sector_questions:
        return []
    name, told = f"{model.id}/{model.version}.toml", set(model.sector_questions)
    forms = {other.id: {q.id for q in load_form(other.id).questions} for other in kind if other.id in list_form_ids()}
    core, others = (
        {q.id for q in load_form(model.kind).questions},
        [ids for form, ids in forms.items() if form != model.id],
    )
    alone = forms.get(model.id, set()) - core.union(*others)
    faults = [f"{name}: told_by names {q!r}, which its form does not ask, or not alone" for q in sorted(told - alone)]
    read = {indicator.question for indicator in model.indicators}
    return faults + [
        f"{name}: told_by leaves out {q!r}, which its form alone asks" for q in sorted(read & alone - told)
    ]


def _practices_fit(rules: PracticeRules) -> list[str]:
    """What a buyer is asked about itself, and the rules that read it."""
    name, form = f"buyer/{rules.version}.toml", load_form("buyer")
    faults = []
    for practice in rules.practices:
        asked = form.by_id.get(practice.question)
        if asked is None or practice.id not in asked.feeds:
            faults.append(f"{name}: {practice.id} reads {practice.question}, which the form does not ask for it")
        else:
            told = _answers_fit(practice, asked.type, [c.code for c in asked.choices], newest=True)
            faults += [f"{name}: {practice.id}: {fault}" for fault in told]
    return faults


def _answers_fit(indicator: Indicator | BuyingPractice, kind: str, codes: Sequence[str], *, newest: bool) -> list[str]:
    """Every answer the form offers has a risk, and every risk belongs to an answer."""
    if not isinstance(indicator.rule, Choices):
        read, kinds = ("dates", ("date",)) if isinstance(indicator.rule, Since) else ("numbers", NUMBERS)
        return [] if kind in kinds else [f"reads {read}, and {indicator.question} is asked as {kind}"]
    offered = {"yes", "no"} if kind == "yes_no" else set(codes)
    told = set(indicator.rule.table)
    if told & {DECLINED, CANNOT_APPLY}:
        return ["'declined' and 'cannot_apply' are no choices"]
    faults = [f"the answer {code!r} has no risk" for code in sorted(offered - told) if newest]
    return faults + [f"the answer {code!r} is not offered" for code in sorted(told - offered)]
