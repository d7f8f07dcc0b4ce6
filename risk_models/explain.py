"""StoredJson numbers to sentences, when somebody reads them. An explanation is the score: its points add up to the number shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from risk_models.answers import CASE_HARMS, DECLINED
from risk_models.engine.frame import WORST_OF_LOW
from risk_models.facts.facts import FactSnapshot
from risk_models.facts.inherent import UNKNOWN_PLACE
from risk_models.model import Context, Floor, Indicator, Model, ScreeningQuestion
from risk_models.plan import Action
from risk_models.transforms import bind_day

StoredJson = Mapping[str, object]
REPORTERS = {
    "workers": "workers",
    "union": "a union",
    "ngo": "an NGO or the press",
    "official": "an authority",
}


# Title and text of a place that is not known.
UNKNOWN_PLACE_TEXT = (
    "Country or sector unknown",
    "The country or the sector is not known. Three quarters of all places and trades in the fact table would "
    "score lower than the value taken here; the range covers all of them.",
)
DECLINED_PLACE_TEXT = (
    "Flag or owner's country declined",
    "The flag or the country of the owner was asked for and left blank: taken as the worst in the fact table.",
)


@dataclass(frozen=True)
class Reason:
    """One reason in words: points moved the score by that much (context reasons build the inherent risk).

    ``state`` is the stored one, told apart once more: "cannot_apply" where that is the answer, or a gate question says so.
    ``evidence``: what stands behind an answer, and what it counts. ``harm``: it is a finding, admitted or reported.
    ``value`` is the supplier's own ``answer`` to ``question`` in words; ``reported`` what others told against it, and who.
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


def explain_result(
    model: Model,
    facts: FactSnapshot,
    country: str | None,
    stored: Sequence[StoredJson],
    get_answer_title: Callable[[str, object], str],
    get_evidence_text: Callable[[str], str] = lambda question: "",
    agency: str = "",
    beside: Sequence[Model] = (),
    answers: Mapping[str, object] = MappingProxyType({}),
) -> tuple[Reason, ...]:
    """The stored reasons of one supplier as sentences, and last what is not known there and so widens the range alone.

    ``stored``: the ``reasons`` of a result. ``get_answer_title(question, answer)``: the words of an answer, from its questionnaire.
    ``get_evidence_text(question)``: the sentence about the evidence behind an answer. ``agency``: which agency's score counts
    (risk_models.agencies.counted). ``beside``: the models of its other sectors, whose findings stand among the reasons without
    points. ``answers``: all it said, to tell what contradicts a declaration.
    """
    asked = _every_indicator(model, beside)
    reasons = [
        _answer_reason(entry, asked[str(entry["indicator"])], facts.on, get_answer_title, get_evidence_text, answers)
        if entry["kind"] == "answer"
        else _context_reason(entry, model, facts, country, agency)
        for entry in stored
    ]
    return (*reasons, *_unknown_contexts(model, reasons))


@dataclass(frozen=True)
class _Asked:
    """An indicator, the model that asks about it, and the gate that answers for it; ``elsewhere``: of another sector's model."""

    indicator: Indicator
    model: Model
    gate: ScreeningQuestion | None
    elsewhere: bool


def _every_indicator(model: Model, beside: Sequence[Model]) -> dict[str, _Asked]:
    """Every indicator by its id; where several models ask about one, as the supplier's own does, then the first beside it."""
    models = (*beside[::-1], model)
    gates = {name: gate for each in models for gate in each.screening_questions for name in gate.indicators}
    return {i.id: _Asked(i, each, gates.get(i.id), each is not model) for each in models for i in each.indicators}


def _answer_reason(
    entry: StoredJson,
    asked: _Asked,
    on: date,
    get_answer_title: Callable[[str, object], str],
    get_evidence_text: Callable[[str], str],
    answers: Mapping[str, object],
) -> Reason:
    """The reason that an answer is, or a report, or that nothing was answered."""
    indicator, gate, state, value = asked.indicator, asked.gate, str(entry["state"]), entry.get("value")
    e, c = _number(entry.get("e")), _number(entry.get("c"))
    words = "" if value is None else get_answer_title(indicator.question, value)
    harm = _is_harm(indicator, state, value, on, e, c)
    reported = _reported(indicator, answers, get_answer_title) if state == "reported" else ""
    evidence = get_evidence_text(indicator.question) if state in ("answered", "expired") else ""
    if isinstance(value, str) and value in indicator.confirmed_risks and state == "answered":
        # With the evidence, not in the text: it tells what workers said, which a supplier's copy leaves out.
        evidence = f"{evidence} {UNCONFIRMED if harm else CONFIRMED}".strip()
    if state == "answered" and value in (None, "cannot_apply"):
        state = "cannot_apply"
        text = "Answered: this cannot apply here. It is believed as far as its evidence goes."
        if value is None and gate is not None:
            text, evidence = f"{gate.title}: declared, so this cannot apply here.", get_evidence_text(gate.question)
    else:
        text = _answer_text(asked, state, value, words, harm=harm, reported=reported, answers=answers)
    return Reason(
        id=indicator.id,
        kind="answer",
        title=indicator.title,
        text=text,
        state=state,
        value=words,
        effective=e,
        context=c,
        points=_number(entry["points"]) or 0.0,
        sources=indicator.sources,
        evidence=evidence,
        harm=harm,
        question=indicator.question,
        answer=value,
        reported=reported,
    )


def _answer_text(
    asked: _Asked,
    state: str,
    value: object,
    words: str,
    *,
    harm: bool,
    reported: str,
    answers: Mapping[str, object],
) -> str:
    """What was answered or reported, what speaks against it, and where it is asked under the model of another sector only."""
    sentences = [describe_indicator(asked.indicator, state, words, harm=harm, reported=reported)]
    if reported and value is not None:
        sentences.append(f"{describe_own_answer(asked.model.kind, value, words)}.")
    gate = asked.gate
    if harm and gate is not None and answers.get(gate.question) in gate.none_answers:
        sentences.append(
            f'This contradicts what was declared ("{gate.title}"), which therefore counts for nothing here.'
        )
    if asked.elsewhere:
        trade = (
            "another of its trades"
            if has_known_sector(answers)
            else "which it is read as while its sector is not known"
        )
        sentences.append(f'Only asked under "{asked.model.title}", {trade}: it is a finding, and moves no points here.')
    return " ".join(sentences)


def _context_reason(entry: StoredJson, model: Model, facts: FactSnapshot, country: str | None, agency: str) -> Reason:
    """The reason that a fact of the inherent risk is, or the score of an agency."""
    name, state = str(entry["indicator"]), str(entry["state"])
    contexts, sharper = _contexts(model), {rule.id: rule for rule in model.sharper_contexts}
    year = None
    if name == UNKNOWN_PLACE:
        title, text = DECLINED_PLACE_TEXT if state == "declined" else UNKNOWN_PLACE_TEXT
        sources: tuple[str, ...] = ("EN-4",)
    elif name == "agency":
        title, sources = "Worst agency named", ("SD-64", "SD-65")
        text = agency or _with_state(
            "The worst agency named here is the usual level for recruitment through it.", state
        )
    elif name in sharper:
        title, sources = sharper[name].title, sharper[name].sources
        text = _with_state(sharper[name].because, state)
    else:
        rule = contexts[name]
        title = rule.title if name.startswith("answer.") else facts.get_title(name)
        text, sources = _with_state(rule.because, state), rule.sources
        fact = facts.get_fact("country", country or "", name.split(".", 1)[1]) if name.startswith("country.") else None
        if fact is not None:
            sources, year = (fact.source, *rule.sources), fact.year
    return Reason(
        id=name,
        kind="context",
        title=title,
        text=text,
        state=state,
        value=_shown(entry.get("value")),
        effective=_number(entry.get("e")),
        context=_number(entry.get("c")),
        points=_number(entry["points"]) or 0.0,
        sources=sources,
        year=year,
    )


def _contexts(model: Model) -> dict[str, Context]:
    """The contexts of a model by their ids and by the facts they are made of."""
    return {c.id: c for c in model.contexts} | {fact.fact: c for c in model.contexts for fact in c.facts}


def _unknown_contexts(model: Model, reasons: Sequence[Reason]) -> Iterator[Reason]:
    """What acts only where it is known stands in no result while it is not, yet it is why the worst case lies so high."""
    contexts = _contexts(model)
    explained = {contexts[reason.id].id for reason in reasons if reason.id in contexts}
    for rule in model.contexts:
        if rule.only_where_known and rule.id not in explained:
            text = _with_state(rule.because, "unknown")
            yield Reason(rule.id, "context", rule.title, text, "unknown", "", None, None, 0.0, rule.sources)


def explain_missing_agency(actions: Iterable[Action]) -> tuple[Reason, ...]:
    """One reason more, without points, where a site employs migrants and names nobody who recruited them.

    ``actions``: what its plan calls for.
    """
    if not any("unknown:agencies_not_named" in action.addresses for action in actions):
        return ()
    text = (
        "It employs migrant workers and names no agency, labour supplier or broker. Who recruited them is not known, so the "
        "score of no agency counts here; that is a question to ask, and no sign that nobody did."
    )
    sources = ("SD-03", "SD-65")
    return (Reason("agency", "context", "Names no agency", text, "not_named", "", None, None, 0.0, sources),)


def explain_why_not_low(model: Model, result: StoredJson, reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """One reason more, without points, where the score alone would be low and the level is medium; it says what low still needs.

    ``result``: as the contract has it; ``reasons``: those explained from it.
    """
    score, worst = _number(result["score"]) or 0.0, _number(result["worst"]) or 0.0
    if result["level"] != "medium" or round(score, 6) >= model.levels["medium"]:
        return ()
    text = f"A score of {score:.1f} alone would be low."
    core = {indicator.id for indicator in model.indicators if indicator.core}
    unsettled = [
        r.title
        for r in reasons
        if r.id in core and (r.state in ("not_asked", "declined", "expired") or (r.state == "reported" and not r.value))
    ]
    if unsettled:
        text += f" Low needs every core question answered; open: {', '.join(unsettled)}."
    if round(worst, 6) >= WORST_OF_LOW:
        text += (
            f" Low needs a worst case below {WORST_OF_LOW:g}; here it reaches {worst:.1f}, since answers are believed only as "
            "far as their evidence goes. What workers or an authority confirm would bring it down."
        )
        unknown = dict.fromkeys(r.title for r in reasons if r.kind == "context" and r.state in ("unknown", "filled"))
        if unknown:
            text += f" Facts that are not known here keep it up too: {', '.join(unknown)}."
    return (
        Reason("level", "context", "Why the level is not low", text, "", "", None, None, 0.0, ("method section 3",)),
    )


def describe_indicator(indicator: Indicator, state: str, said: str, *, harm: bool, reported: str = "") -> str:
    """What an officer would say of one indicator. Never a verdict: harm reads "indicators consistent with ..."."""
    if state == "not_asked":
        return "Not asked: taken as usual for such a place and trade."
    if state == "declined":
        return "Asked, and the form came back with this left blank: it cannot be ruled out."
    if state == "ruled_out":
        return "Ruled out by what else is known."
    if state == "reported":
        return f"{reported or 'Reported by workers or officials'}. {indicator.harm}"
    told = indicator.because.replace("{value}", said or "does not apply here")
    if harm:
        return f"{told} {indicator.harm}"
    if state == "expired":
        return f"{told} The evidence is past its shelf life, so it no longer reassures."
    return told


def describe_own_answer(kind: str, answer: object, said: str) -> str:
    """What a supplier itself answered, to stand beside what others reported of it: "The supplier says: ...".

    ``kind``: "site" or "agency"; ``answer``: as stored; ``said``: in words.
    """
    who = "The agency" if kind == "agency" else "The supplier"
    return f"{who} left the question blank" if answer == DECLINED else f"{who} says: {_inside(said)}"


def _inside(words: str) -> str:
    """Words that began a sentence, inside another; what begins with two capitals (AIS, NGO) stays as it is."""
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]


def _reported(
    indicator: Indicator, answers: Mapping[str, object], get_answer_title: Callable[[str, object], str]
) -> str:
    """What was reported, and by whom: "Reported by workers: papers withheld". It is heard as in evidence.reported_by."""
    heard = {"reported_harms": (indicator.id,), **indicator.report_sources}
    who = REPORTERS.get(str(answers.get("reported_by")), "workers or officials")
    told: dict[str, list[str]] = {}
    for question, codes in (*heard.items(), (CASE_HARMS, heard["reported_harms"])):
        given = answers.get(question)
        by = {"reported_harms": f"Reported by {who}", CASE_HARMS: "Told in case records"}.get(
            question, "Reported by workers"
        )
        for code in codes:
            if isinstance(given, (list, tuple)) and code in given:
                words = get_answer_title("reported_harms" if question == CASE_HARMS else question, code)
                # Cases may set an indicator that no sheet offers as a report: it then goes by its title.
                told.setdefault(by, []).append(_inside(indicator.title if words == code else words))
    return ". ".join(f"{by}: {'; '.join(words)}" for by, words in told.items())


def has_known_sector(answers: Mapping[str, object]) -> bool:
    """Whether a site says which its sectors are; one that does not is read as any that its answers tell of."""
    sectors = answers.get("sector")
    return isinstance(sectors, (list, tuple)) and bool(sectors)


def describe_floor(floor: Floor, *, only_declined: bool) -> str:
    """Why a floor holds the score up; ``only_declined`` where only declined answers reached it."""
    if only_declined:
        return f"It cannot be ruled out, since questions were asked and left blank. {floor.because}"
    return floor.because


# Of an answer that harm was put right (method section 8: a finding closes on private confirmation by workers).
UNCONFIRMED = (
    "No evidence from workers or an authority stands behind this, so it counts as a sign until they confirm it."
)
CONFIRMED = "Evidence from workers or an authority stands behind this."


def _is_harm(
    indicator: Indicator, state: str, value: object, on: date, effective: float | None, context: float | None
) -> bool:
    answer = tuple(value) if isinstance(value, list) else value
    risk = bind_day(indicator.rule, on).risk(answer)
    # Harm is never believed away: an effective risk below that of the answer tells that its being put right was confirmed.
    if answer in indicator.confirmed_risks and effective is not None and effective < max(risk, context or 0.0):
        return state == "reported"
    return state == "reported" or (state in ("answered", "expired") and risk >= 0.5)


def _with_state(because: str, state: str) -> str:
    if state == "filled":
        return f"{because} We hold no figure for this country: the value is taken from the countries most like it (our gap)."
    if state == "unknown":
        return f"{because} Not known here; it adds nothing to the score and its whole share to the worst case."
    if state == "declined":
        return f"{because} Asked and left blank: taken at the top of its scale."
    return because


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _shown(value: object) -> str:
    number = _number(value)
    return "" if number is None else f"{number:.4g}"
