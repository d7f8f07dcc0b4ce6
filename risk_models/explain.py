"""Explain stored results in sentences when they are read. The points of all reasons add up to the score shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from risk_models.action_library import Action
from risk_models.answers import CASE_HARMS, DECLINED
from risk_models.engine.frame import WORST_OF_LOW
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.inherent import UNKNOWN_PLACE
from risk_models.model import Context, Floor, ImposedLabourContext, Indicator, Model, ScreeningQuestion
from risk_models.transforms import bind_day

StoredJson = Mapping[str, object]
REPORTERS = {
    "workers": "workers",
    "union": "a union",
    "ngo": "an NGO or the press",
    "official": "an authority",
}


# Titles and texts for an unknown country or sector.
UNKNOWN_PLACE_TEXT = (
    "Country or sector unknown",
    "The country or the sector is not known. The value used here is higher than the values for three quarters of the countries "
    "and sectors in the fact table; the likely range covers all of them.",
)
DECLINED_PLACE_TEXT = (
    "Flag or owner's country left blank",
    "The flag or the owner's country was asked for but left blank. The highest value in the fact table is used.",
)

PLACE_OPEN = (
    "The region was not given, and this is documented in a region of the country. It therefore counts in the worst case, and the "
    "level cannot be Low."
)


SHOWN_AS_ZERO = 0.05  # points below this read "0.0"
ALREADY_ASSUMED = (
    "It adds no points, because this much risk is already assumed for this country and sector. It is just as serious and needs "
    "the same action."
)


@dataclass(frozen=True)
class Reason:
    """One reason in words: it moved the score by ``points`` (those of kind "context" build up the inherent risk).

    ``state`` is the stored one, or "cannot_apply" if this was the answer or follows from a screening question. ``evidence``: the
    evidence for an answer, and how credible it is. ``harm``: the answer is a finding, admitted or reported. ``value`` is the
    supplier's own ``answer`` to ``question`` in words; ``reported``: what others reported against it, and who.
    ``already_assumed``: it was reported, and adds no points only because the country and trade are rated as high without it.
    """

    id: str
    kind: str
    title: str
    text: str
    state: str
    value: str
    effective: float | None
    context: float | None
    points: float
    sources: tuple[str, ...]
    year: int | None = None
    evidence: str = ""
    harm: bool = False
    question: str = ""
    answer: object = None
    reported: str = ""
    already_assumed: bool = False


def explain_result(
    model: Model,
    facts: FactSnapshot,
    country: str | None,
    stored_reasons: Sequence[StoredJson],
    get_answer_title: Callable[[str, object], str],
    get_evidence_text: Callable[[str], str] = lambda question: "",
    agency: str = "",
    other_models: Sequence[Model] = (),
    answers: Mapping[str, object] = MappingProxyType({}),
    imposed_labour: Mapping[str, str] | None = None,
) -> tuple[Reason, ...]:
    """Return the stored reasons of one supplier in words, followed by unknown contexts, which only widen the range.

    ``stored_reasons``: the ``reasons`` of a result. ``get_answer_title(question, answer)``: an answer in words, by its
    questionnaire. ``get_evidence_text(question)``: the sentence about the evidence for an answer. ``agency``: the sentence about
    the agency whose score counts. ``other_models``: of its other sectors, whose findings are reasons without points.
    ``answers``: all of its answers, to find those that contradict a declaration. ``imposed_labour``: the ``state_imposed`` of a
    result.
    """
    sources = _index_indicators(model, other_models)
    reasons = [
        _explain_answer(entry, sources[str(entry["indicator"])], facts.on, get_answer_title, get_evidence_text, answers)
        if entry["kind"] == "answer"
        else _explain_imposed_labour(entry, model.imposed_labour, imposed_labour)
        if model.imposed_labour is not None and entry["indicator"] == model.imposed_labour.id
        else _explain_context(entry, model, facts, country, agency)
        for entry in stored_reasons
    ]
    return (*reasons, *_explain_unknown_contexts(model, reasons))


@dataclass(frozen=True)
class _IndicatorSource:
    """An indicator, its model, and the screening question that covers it; ``other_sector``: it is the model of another sector."""

    indicator: Indicator
    model: Model
    screening_question: ScreeningQuestion | None
    other_sector: bool


def _index_indicators(model: Model, other_models: Sequence[Model]) -> dict[str, _IndicatorSource]:
    """Return every indicator by its id, taken from ``model`` or else from the first other model that has it."""
    models = (*other_models[::-1], model)
    screening = {name: question for m in models for question in m.screening_questions for name in question.indicators}
    return {
        indicator.id: _IndicatorSource(indicator, m, screening.get(indicator.id), m is not model)
        for m in models
        for indicator in m.indicators
    }


def _explain_answer(
    entry: StoredJson,
    source: _IndicatorSource,
    on: date,
    get_answer_title: Callable[[str, object], str],
    get_evidence_text: Callable[[str], str],
    answers: Mapping[str, object],
) -> Reason:
    """Return the reason for an indicator: an answer, a report, or the fact that nothing was answered."""
    indicator, screening, state, value = (
        source.indicator,
        source.screening_question,
        str(entry["state"]),
        entry.get("value"),
    )
    effective, context = _parse_number(entry.get("e")), _parse_number(entry.get("c"))
    answer_text = "" if value is None else get_answer_title(indicator.question, value)
    harm = _is_harm(indicator, state, value, on, effective, context)
    reported = _describe_reports(indicator, answers, get_answer_title) if state == "reported" else ""
    evidence = get_evidence_text(indicator.question) if state in ("answered", "expired") else ""
    if isinstance(value, str) and value in indicator.confirmed_risks and state == "answered":
        # This goes into the evidence, not the text, because it is about what workers said, which a supplier's copy omits.
        evidence = f"{evidence} {UNCONFIRMED if harm else CONFIRMED}".strip()
    if state == "answered" and value in (None, "cannot_apply", "not_applicable"):
        state = "cannot_apply"
        text = "Answered: this does not apply here. The answer counts only to the extent that the evidence supports it."
        if value is None and screening is not None:
            text = f'Because of the declaration "{screening.title}", this does not apply here.'
            evidence = get_evidence_text(screening.question)
    else:
        text = _describe_answer(source, state, value, answer_text, harm=harm, reported=reported, answers=answers)
    points = _parse_number(entry["points"]) or 0.0
    already_assumed = (
        source.model.method >= 4 and state == "reported" and not source.other_sector and abs(points) < SHOWN_AS_ZERO
    )
    return Reason(
        id=indicator.id,
        kind="answer",
        title=indicator.title,
        text=f"{text} {ALREADY_ASSUMED}" if already_assumed else text,
        state=state,
        value=answer_text,
        effective=effective,
        context=context,
        points=points,
        sources=indicator.sources,
        evidence=evidence,
        harm=harm,
        question=indicator.question,
        answer=value,
        reported=reported,
        already_assumed=already_assumed,
    )


def _describe_answer(
    source: _IndicatorSource,
    state: str,
    value: object,
    answer_text: str,
    *,
    harm: bool,
    reported: str,
    answers: Mapping[str, object],
) -> str:
    """Return what was answered or reported, what contradicts it, and whether only the model of another sector asks it."""
    sentences = [describe_indicator(source.indicator, state, answer_text, harm=harm, reported=reported)]
    if reported and value is not None:
        sentences.append(f"{describe_own_answer(source.model.kind, value, answer_text)}.")
    screening = source.screening_question
    if harm and screening is not None and answers.get(screening.question) in screening.none_answers:
        sentences.append(f'This contradicts the declaration "{screening.title}", which is therefore disregarded here.')
    if source.other_sector:
        trade = (
            "another of its sectors"
            if has_known_sector(answers)
            else "a possible sector, because the supplier's sector is not known"
        )
        sentences.append(
            f'This question is asked only under "{source.model.title}", {trade}. The answer is a finding but adds no points '
            "here."
        )
    return " ".join(sentences)


def _explain_context(entry: StoredJson, model: Model, facts: FactSnapshot, country: str | None, agency: str) -> Reason:
    """Return the reason for a fact of the inherent risk, or for the score of an agency."""
    name, state = str(entry["indicator"]), str(entry["state"])
    contexts, sharper = _index_contexts(model), {context.id: context for context in model.sharper_contexts}
    year = None
    if name == UNKNOWN_PLACE:
        title, text = DECLINED_PLACE_TEXT if state == "declined" else UNKNOWN_PLACE_TEXT
        sources: tuple[str, ...] = ("EN-4",)
    elif name == "agency":
        title, sources = "Highest-scoring agency named", ("SD-64", "SD-65")
        text = agency or _append_state_note(
            "The highest-scoring agency named here sets the baseline for recruitment through it.", state, model
        )
    elif name in sharper:
        title, sources = sharper[name].title, sharper[name].sources
        text = _append_state_note(sharper[name].because, state, model)
    else:
        context = contexts[name]
        title = context.title if name.startswith("answer.") else facts.get_title(name)
        text, sources = _append_state_note(context.because, state, model), context.sources
        if context.takes_largest and state == "known" and entry.get("value") and not _parse_number(entry["points"]):
            text += " Another fact about the same conduct weighs more and counts instead of this one."
        fact = facts.get_fact("country", country or "", name.split(".", 1)[1]) if name.startswith("country.") else None
        if fact is not None:
            sources, year = (fact.source, *context.sources), fact.year
    return Reason(
        id=name,
        kind="context",
        title=title,
        text=text,
        state=state,
        value=_format_number(entry.get("value")),
        effective=_parse_number(entry.get("e")),
        context=_parse_number(entry.get("c")),
        points=_parse_number(entry["points"]) or 0.0,
        sources=sources,
        year=year,
    )


def _explain_imposed_labour(
    entry: StoredJson, context: ImposedLabourContext, imposed_labour: Mapping[str, str] | None
) -> Reason:
    """Return the reason of labour that a state imposes: who says so, and what it means for the answers."""
    state = str(entry["state"])
    if state == "unknown":
        text = f"{context.because_documented} {PLACE_OPEN}"
    else:
        is_documented = imposed_labour is not None and imposed_labour["grade"] == "documented"
        text = context.because_documented if is_documented else context.because_named
        if state == "declined":
            text += " The question that could rule this out was left blank, so it is assumed."
    sources = context.sources if imposed_labour is None else (imposed_labour["source"], *context.sources)
    return Reason(
        id=context.id,
        kind="context",
        title=context.title,
        text=text,
        state=state,
        value="",
        effective=_parse_number(entry.get("e")),
        context=None,
        points=_parse_number(entry["points"]) or 0.0,
        sources=sources,
    )


def _index_contexts(model: Model) -> dict[str, Context]:
    """Return the contexts of a model by their ids and by the names of their facts."""
    by_fact = {scaled.fact: context for context in model.contexts for scaled in context.facts}
    return {context.id: context for context in model.contexts} | by_fact


def _explain_unknown_contexts(model: Model, reasons: Sequence[Reason]) -> Iterator[Reason]:
    """Yield a reason for each context that counts only where it is known: absent from results, it widens the range."""
    contexts = _index_contexts(model)
    explained = {contexts[reason.id].id for reason in reasons if reason.id in contexts}
    for context in model.contexts:
        if context.only_where_known and context.id not in explained:
            text = _append_state_note(context.because, "unknown", model)
            yield Reason(context.id, "context", context.title, text, "unknown", "", None, None, 0.0, context.sources)


def explain_missing_agency(actions: Iterable[Action]) -> tuple[Reason, ...]:
    """Return a reason without points if a site employs migrants but does not say who recruited them; otherwise none.

    ``actions``: those that its plan calls for.
    """
    if not any("unknown:agencies_not_named" in action.addresses for action in actions):
        return ()
    text = (
        "The site employs migrant workers but names no agency, labour supplier or broker. It is not known who recruited them, so "
        "no agency's score counts here. This is a question to ask, not a sign that no agency was involved."
    )
    sources = ("SD-03", "SD-65")
    return (Reason("agency", "context", "No agency named", text, "not_named", "", None, None, 0.0, sources),)


def explain_why_not_low(model: Model, result: StoredJson, reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Return a reason without points if the score alone would mean Low but the level is Medium; otherwise none.

    The reason says what is still needed for a Low rating. ``result``: as in assessment.json; ``reasons``: those explained from
    it.
    """
    score, worst = _parse_number(result["score"]) or 0.0, _parse_number(result["worst"]) or 0.0
    if result.get("core_confirmed"):
        worst = _parse_number(result["worst_given"]) or 0.0
    if result["level"] != "medium" or round(score, 6) >= model.levels["medium"]:
        return ()
    text = f"A score of {score:.1f} on its own would be rated Low."
    core = {indicator.id for indicator in model.indicators if indicator.core}
    unsettled = [
        reason.title
        for reason in reasons
        if reason.id in core
        and (reason.state in ("not_asked", "declined", "expired") or (reason.state == "reported" and not reason.value))
    ]
    if unsettled:
        text += f" A Low rating requires an answer to every core question; still open: {', '.join(unsettled)}."
    if round(worst, 6) >= WORST_OF_LOW:
        text += (
            f" A Low rating requires a worst case below {WORST_OF_LOW:g}; here it is {worst:.1f}, because answers count only "
            "to the extent that their evidence supports them. Confirmation by workers or an authority would lower it."
        )
        unknown = dict.fromkeys(
            reason.title for reason in reasons if reason.kind == "context" and reason.state in ("unknown", "filled")
        )
        if unknown:
            text += f" Facts for which we have no data also raise it: {', '.join(unknown)}."
    if result.get("place_open"):
        text += f" {PLACE_OPEN}"
    return (
        Reason("level", "context", "Why the level is not Low", text, "", "", None, None, 0.0, ("method section 3",)),
    )


def describe_indicator(indicator: Indicator, state: str, answer_text: str, *, harm: bool, reported: str = "") -> str:
    """Return a text about one indicator. It is never a verdict: harm is worded as "indicators consistent with ..."."""
    if state == "not_asked":
        return "Not asked: assumed to be typical of the country and sector."
    if state == "declined":
        return "The question was left blank on the returned questionnaire, so this cannot be ruled out."
    if state == "ruled_out":
        return "Ruled out by other information."
    if state == "reported":
        return f"{reported or 'Reported by workers or officials'}. {indicator.harm}"
    text = indicator.because.replace("{value}", answer_text or "does not apply here")
    if harm:
        return f"{text} {indicator.harm}"
    if state == "expired":
        return f"{text} The evidence has expired, so it no longer lowers the risk."
    return text


def describe_own_answer(kind: str, answer: object, answer_text: str) -> str:
    """Return the supplier's own answer, to be shown beside what others reported: "The supplier says: ...".

    ``kind``: "site" or "agency"; ``answer``: as stored; ``answer_text``: the same in words.
    """
    who = "The agency" if kind == "agency" else "The supplier"
    if answer == DECLINED:
        return f"{who} left the question blank"
    return f"{who} says: {_lowercase_first(answer_text)}"


def _lowercase_first(text: str) -> str:
    """Return a text that can continue a sentence, in lower case unless it begins with two capitals (AIS, NGO)."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _describe_reports(
    indicator: Indicator, answers: Mapping[str, object], get_answer_title: Callable[[str, object], str]
) -> str:
    """Return what was reported, and by whom: "Reported by workers: papers withheld". Uses the same answers as is_reported."""
    report_sources = {"reported_harms": (indicator.id,), **indicator.report_sources}
    reporter = REPORTERS.get(str(answers.get("reported_by")), "workers or officials")
    introductions = {"reported_harms": f"Reported by {reporter}", CASE_HARMS: "Reported in case records"}
    reports: dict[str, list[str]] = {}
    for question, codes in (*report_sources.items(), (CASE_HARMS, report_sources["reported_harms"])):
        reported_codes = answers.get(question)
        introduction = introductions.get(question, "Reported by workers")
        for code in codes:
            if isinstance(reported_codes, (list, tuple)) and code in reported_codes:
                title = get_answer_title("reported_harms" if question == CASE_HARMS else question, code)
                # Cases may report an indicator that no form offers as a report: its own title is then used.
                text = _lowercase_first(indicator.title if title == code else title)
                reports.setdefault(introduction, []).append(text)
    return ". ".join(f"{introduction}: {'; '.join(texts)}" for introduction, texts in reports.items())


def has_known_sector(answers: Mapping[str, object]) -> bool:
    """Return whether a site names its sectors. If it does not, it is scored for any sector that its answers suggest."""
    sectors = answers.get("sector")
    return isinstance(sectors, (list, tuple)) and bool(sectors)


def describe_floor(floor: Floor, *, only_declined: bool) -> str:
    """Return a sentence on why a floor applies. ``only_declined``: it was triggered only by declined answers."""
    if only_declined:
        return f"This cannot be ruled out because questions were left blank. {floor.because}"
    return floor.because


# For an answer that states that harm was remedied (method section 8: a finding is closed when workers confirm this in private).
UNCONFIRMED = (
    "No evidence from workers or an authority supports this answer, so the problem counts as present until they confirm that "
    "it was remedied."
)
CONFIRMED = "Evidence from workers or an authority supports this answer."


def _is_harm(
    indicator: Indicator, state: str, value: object, on: date, effective: float | None, context: float | None
) -> bool:
    answer = tuple(value) if isinstance(value, list) else value
    risk = bind_day(indicator.rule, on).risk(answer)
    # Belief never removes harm: an effective risk below that of the answer means that the remedy was confirmed.
    if answer in indicator.confirmed_risks and effective is not None and effective < max(risk, context or 0.0):
        return state == "reported"
    return state == "reported" or (state in ("answered", "expired") and risk >= 0.5)


def _append_state_note(because: str, state: str, model: Model) -> str:
    if state == "filled":
        return f"{because} There is no figure for this country, so the value for the most similar countries is used."
    if state == "unknown":
        return (
            f"{because} We have no data for this supplier, so this adds nothing to the score but counts in full in the worst "
            "case."
        )
    if state == "declined":
        # Only models that count an unrecognised product like a blank say so; explanations under earlier ones stay as they were.
        unrecognised = " or the answer was not recognised" if model.unrecognised_goods_blank else ""
        return f"{because} The question was left blank{unrecognised}, so the top of the scale is used."
    return because


def _parse_number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _format_number(value: object) -> str:
    number = _parse_number(value)
    return "" if number is None else f"{number:.4g}"
