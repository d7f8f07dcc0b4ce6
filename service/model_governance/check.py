"""Check that the data of models, questionnaires and facts are consistent: models read only what forms ask and facts provide.

The libraries do not import each other's data. They share a vocabulary of ids, which is checked here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, timedelta

from questionnaires.form import Questionnaire, list_form_ids, load_combined_form, load_form
from questionnaires.lookups import DataFileError, load_sectors
from questionnaires.relevance import is_relevant
from questionnaires.validation.contradictions import Contradiction, load_contradictions
from risk_models.action_library import Action, expand_groups, load_actions
from risk_models.action_releases import find_generation, get_action_releases, list_generations
from risk_models.answers import DECLINED
from risk_models.buyer import BuyingPractice, PracticeRules
from risk_models.buyer import load_all_practice_rules as load_practices
from risk_models.data_file import DataFileError as RiskDataError
from risk_models.data_file import list_released_lines
from risk_models.facts.facts import Facts, get_description_id, load_facts
from risk_models.facts.releases import list_release_faults
from risk_models.features import CANNOT_APPLY, NOT_APPLICABLE
from risk_models.findings import (
    find_group_faults,
    find_unaddressed_findings,
    find_unused_actions,
    list_possible_findings,
)
from risk_models.model import MODELS_FOLDER, Indicator, Model, load_models
from risk_models.transforms import Choices, Rule, Since, bind_day
from service.assessment.export_json import build_actions_part, compute_actions_digest
from service.case_reading.records import list_case_data_faults

CHECK_DAY = date(2026, 11, 28)  # on which dates are compared; any day would do
HARM = 0.5  # the risk from which an answer admits harm (method section 3)
NUMBER_TYPES = ("number", "money", "percent")


def list_model_faults() -> list[str]:
    """Return the inconsistencies between models, forms, actions and case rules as sentences; empty if there are none."""
    try:
        models, facts = load_models(), load_facts()
        libraries = {generation: load_actions(generation) for generation in list_generations()}
        for form in list_form_ids():
            load_form(form)
    except (RiskDataError, DataFileError) as error:
        return [str(error)]
    practice_rules = load_practices()
    faults = _check_released_files()
    faults += [fault for rules in practice_rules for fault in _check_practice_rules(rules)]
    *_, actions = libraries.values()
    digest = compute_actions_digest(build_actions_part(actions))
    if digest not in get_action_releases():
        faults.append(
            "actions: the library has changed since the last release; add this line to RELEASED, with the name of the release: "
            f"NAME {digest}"
        )
    practice_findings = [finding for rules in practice_rules for finding in rules.possible_findings]
    for generation, library in libraries.items():
        users = [model for model in models if find_generation(model.actions) == generation]
        faults += _check_library(generation.name, library, users, practice_findings)
    newest = {model.id: model for model in sorted(models, key=lambda model: (model.effective, model.version))}
    for model in models:
        faults += _check_model(model, facts, newest=newest[model.id] is model)
    faults += list_contradiction_faults(list(newest.values()))
    for model in newest.values():
        faults += _check_gates(model, load_combined_form(model.kind))
        faults += _check_trade_questions(model, [other for other in newest.values() if other.kind == model.kind])
    return faults + list_case_data_faults()


def _check_library(
    name: str, library: Sequence[Action], models: Sequence[Model], practice_findings: Sequence[tuple[str, str]]
) -> list[str]:
    """Return the inconsistencies between a generation of the library and the models that use it."""
    findings = [*list_possible_findings(models, library), *practice_findings]
    expanded = expand_groups(library, models)
    faults = find_group_faults(models, library)
    faults += [f"no action addresses the finding {each}" for each in find_unaddressed_findings(findings, expanded)]
    faults += [
        f"the action {action} does not address any finding that can occur"
        for action in find_unused_actions(findings, expanded)
    ]
    return [f"actions/{name}: {fault}" for fault in faults]


def list_fact_faults() -> list[str]:
    """Return the faults of the fact tables as sentences; empty when they load and released data are unchanged."""
    try:
        return list_release_faults()
    except RiskDataError as error:
        return [str(error)]


def _check_released_files() -> list[str]:
    """Return the released files of models and cores that are missing, changed since their release, or not in RELEASED."""
    released = {f"{name}/{version}.toml": digest for name, version, digest in list_released_lines(MODELS_FOLDER)}
    present = {
        f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(MODELS_FOLDER.glob("*/*.toml"))
    }
    faults = [f"RELEASED: {file} no longer exists" for file in released if file not in present]
    faults += [
        f"{file}: a released file was changed; put the change in a new version"
        for file, digest in present.items()
        if released.get(file, digest) != digest
    ]
    return faults + [f"{file}: not listed in RELEASED" for file in present if file not in released]


def _check_model(model: Model, facts: Facts, *, newest: bool) -> list[str]:
    """Return the faults of one model.

    Only the newest version must know every answer that the newest forms offer. An older one is frozen, and reads an answer that
    was added after it as not asked.
    """
    name = f"{model.id}/{model.version}.toml"
    form = load_combined_form(model.kind)
    faults = []
    for indicator in model.indicators:
        faults += _check_indicator(indicator, form, name, newest=newest)
    faults += [
        f"{name}: the gate {screening.id} reads {screening.question}, which no form asks"
        for screening in model.screening_questions
        if screening.question not in form.by_id
    ]
    if newest:
        faults += _check_reports(model, form, name)
    faults += _check_contexts(model, form, facts, name)
    faults += [
        f"{name}: covers {code!r}, which is not an ISIC code"
        for code in model.serves
        if code and code not in load_sectors().names
    ]
    return faults


def _check_indicator(indicator: Indicator, form: Questionnaire, name: str, *, newest: bool) -> list[str]:
    """Return the faults of an indicator: its questions must be asked, and their answers known. ``name``: of the model file."""
    question = form.by_id.get(indicator.question)
    if question is None:
        return [f"{name}: {indicator.id} reads {indicator.reads}, which no form asks"]
    faults = []
    if indicator.id not in question.feeds:
        faults.append(f"{form.file or form.id}: {question.id} does not say that it feeds {indicator.id}")
    faults += [
        f"{name}: {indicator.id}: {fault}"
        for fault in _check_choices(indicator, question.type, [c.code for c in question.choices], newest=newest)
    ]
    faults += [
        f"{name}: {indicator.id} reads the report {code!r} of {source}, which no form offers"
        for source, codes in indicator.report_sources.items()
        for code in codes
        if source not in form.by_id or code not in {c.code for c in form.by_id[source].choices}
    ]
    faults += [
        f"{name}: {indicator.id} is ruled out by {question_id}, which no form asks"
        for question_id in indicator.ruled_out_by
        if question_id not in form.by_id
    ]
    return faults


def _check_reports(model: Model, form: Questionnaire, name: str) -> list[str]:
    """Return the harms that workers may report and no indicator of the model reads."""
    reports = form.by_id.get("reported_harms")
    read = {code for i in model.indicators for code in i.report_sources.get("reported_harms", (i.id,))}
    return [
        f"{name}: workers may report {choice.code}, which the model does not read"
        for choice in (reports.choices if reports else ())
        if choice.code not in read
    ]


def _check_contexts(model: Model, form: Questionnaire, facts: Facts, name: str) -> list[str]:
    """Return the facts that contexts of a model read and that neither a form asks nor a fact table holds."""
    faults = []
    for scaled in [fact for context in model.all_contexts for fact in context.all_facts]:
        if scaled.fact.startswith("answer."):
            if scaled.fact.removeprefix("answer.") not in form.by_id:
                faults.append(f"{name}: a context reads {scaled.fact}, which no form asks")
        elif not facts.is_scored(get_description_id(scaled.fact)):
            faults.append(f"{name}: a context reads {scaled.fact}, which is not a fact that is scored")
    return faults


def _check_trade_questions(model: Model, models: Sequence[Model]) -> list[str]:
    """Return the faults of the questions that identify a pack's trade (``told_by``).

    They must be exactly those that the form of the pack alone asks, as far as the model reads them. ``models``: the newest models
    of this kind.
    """
    if not model.sector_questions:
        return []
    name, trade_questions = f"{model.id}/{model.version}.toml", set(model.sector_questions)
    forms = {
        other.id: {question.id for question in load_form(other.id).questions}
        for other in models
        if other.id in list_form_ids()
    }
    core, others = (
        {question.id for question in load_form(model.kind).questions},
        [ids for form, ids in forms.items() if form != model.id],
    )
    own_questions = forms.get(model.id, set()) - core.union(*others)
    faults = [
        f"{name}: told_by names {question!r}, which its form does not ask or which other forms also ask"
        for question in sorted(trade_questions - own_questions)
    ]
    read_questions = {indicator.question for indicator in model.indicators}
    return faults + [
        f"{name}: told_by leaves out {question!r}, which only its form asks"
        for question in sorted(read_questions & own_questions - trade_questions)
    ]


def list_contradiction_faults(models: Sequence[Model]) -> list[str]:
    """Return the faults of the contradictions between answers (``questionnaires/lists/contradictions.toml``).

    What denies must be every answer with a risk under 0.5 in these models, but those that are named as consistent; of a number or
    a date, those that the limits mean.
    """
    rules: dict[tuple[str, str], list[Rule]] = {}
    for model in models:
        for indicator in model.indicators:
            rules.setdefault((model.kind, indicator.question), []).append(bind_day(indicator.rule, CHECK_DAY))
    faults = []
    for contradiction in load_contradictions():
        for kind in contradiction.kinds:
            form, name = load_combined_form(kind), f"contradictions.toml: {contradiction.question}"
            asked = {contradiction.question, *contradiction.contradicted_by}
            faults += [f"{name}: no {kind} is asked {question}" for question in sorted(asked - form.by_id.keys())]
            for rule in rules.get((kind, contradiction.question), ()):
                faults += [f"{name}: {fault}" for fault in _check_denials(contradiction, rule)]
    return faults


def _check_denials(contradiction: Contradiction, rule: Rule) -> list[str]:
    """Return the answers under 0.5 that do not deny, and the ones from 0.5 on that do."""
    denies, consistent = contradiction.denies, contradiction.consistent
    if isinstance(rule, Choices):
        reassuring = {code for code, risk in rule.table.items() if risk < HARM}
        named = denies.choices | consistent
        return [f"{code!r} has a risk under 0.5 but does not deny harm" for code in sorted(reassuring - named)] + [
            f"{code!r} denies harm but has no risk under 0.5" for code in sorted(named & rule.table.keys() - reassuring)
        ]
    if isinstance(rule, Since):
        days = [CHECK_DAY + timedelta(days=days) for days in (-400, -1, 1, 400)]
        answers: list[str | float] = [day.isoformat() for day in days]
    else:
        answers = [float(number) / 10 for number in range(2000)]
    wrong = [answer for answer in answers if denies.is_met(answer, CHECK_DAY.isoformat()) != (rule.risk(answer) < HARM)]
    return (
        [f"{wrong[0]} denies harm without a risk under 0.5, or has such a risk without denying harm"] if wrong else []
    )


def _check_gates(model: Model, form: Questionnaire) -> list[str]:
    """Return the questions that the newest form asks though a gate of a model, or a fact, says that they do not apply."""
    name = f"{model.id}/{model.version}.toml"
    indicators = {indicator.id: indicator for indicator in model.indicators}
    conditions = [
        (indicators[indicator].question, gate.question, gate.none_answers)
        for gate in model.screening_questions
        for indicator in gate.indicators
        if indicator in indicators
    ]
    conditions += [
        (indicator.question, question, answers)
        for indicator in model.indicators
        for question, answers in indicator.ruled_out_by.items()
    ]
    return [
        f"{form.file}: {question} must not be relevant if {other} is {answer} ({name})"
        for question, other, answers in conditions
        for answer in answers
        if (relevant := form.by_id[question].relevant) is None or is_relevant(relevant, {other: answer})
    ]


def _check_practice_rules(rules: PracticeRules) -> list[str]:
    """Return the inconsistencies between the buyer's form and the rules that read it."""
    name, form = f"buyer/{rules.version}.toml", load_form("buyer")
    faults = []
    for practice in rules.practices:
        question = form.by_id.get(practice.question)
        if question is None or practice.id not in question.feeds:
            faults.append(
                f"{name}: {practice.id} reads {practice.question}, which the form does not link to that practice"
            )
        else:
            answer_faults = _check_choices(practice, question.type, [c.code for c in question.choices], newest=True)
            faults += [f"{name}: {practice.id}: {fault}" for fault in answer_faults]
    return faults


def _check_choices(
    indicator: Indicator | BuyingPractice, question_type: str, codes: Sequence[str], *, newest: bool
) -> list[str]:
    """Return the answers of a form without a risk, and the risks without an answer."""
    if not isinstance(indicator.rule, Choices):
        description, types = ("dates", ("date",)) if isinstance(indicator.rule, Since) else ("numbers", NUMBER_TYPES)
        return (
            []
            if question_type in types
            else [f"reads {description}, but {indicator.question} is a question of type {question_type}"]
        )
    offered = {"yes", "no"} if question_type == "yes_no" else set(codes)
    scored = set(indicator.rule.table)
    if scored & {DECLINED, CANNOT_APPLY, NOT_APPLICABLE}:
        return ["'declined', 'cannot_apply' and 'not_applicable' are not choices"]
    faults = [f"the answer {code!r} has no risk" for code in sorted(offered - scored) if newest]
    return faults + [f"the answer {code!r} is not offered" for code in sorted(scored - offered)]
