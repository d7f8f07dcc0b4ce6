"""Read case records by the published rules: turn the findings about one cohort into readings with their reasons.

A cohort is one group of people with the same nationality, job and intake period, either adults or children. Findings about
different cohorts are never combined. Anything not asked about is unknown, so each reading has a ``best`` (the unknown is absent)
and a ``worst`` (the unknown is present). A reading states what the indicators are consistent with; it is never a verdict on
anyone. Sources of the rules: ``cases/<version>/*.toml``, and docs/cases.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from risk_models.cases.rules import ILO_INDICATORS, LISTS, STRENGTHS, CaseRules, find_case_rules_in_force

DAYS_PER_MONTH: Final = 30.4375
FOUND, NOT_FOUND, NOT_ASKED, FOUND_ALONE = "found", "not_found", "not_asked", "found_alone"
NO_ACT: Final = "nobody"  # the answer that nobody recruited, moved or received the workers

Cell = tuple[str, str]


@dataclass(frozen=True)
class Finding:
    """One finding in a case record.

    It has an id from ``cases/findings.toml``, a phase, whether it was found, who reported it, and when (ISO date, month or year).
    ``place``: where in the source it is recorded.
    """

    finding_id: str
    phase: str | None
    found: bool = True
    source: str | None = None
    on: str | None = None
    place: str = ""


@dataclass(frozen=True)
class Case:
    """A case record about one group of people.

    ``people``: "adults", "children", "both" or None (not known). ``acts``: what was done to bring people there.
    ``phases_asked``: the phases that were asked about in full, so that findings not recorded for them are absent.
    """

    id: str
    findings: tuple[Finding, ...]
    people: str | None = None
    acts: tuple[str, ...] = ()
    phases_asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """The result of a rule for a record in the best and the worst case, and a sentence with the rule, indicators and records."""

    best: bool
    worst: bool
    because: str


@dataclass(frozen=True)
class Dimension(Reading):
    """One of the six dimensions: the ``rule`` that makes it positive, the indicators found, and how many were not asked about."""

    number: int
    rule: str | None
    found: tuple[str, ...]
    not_asked: int


@dataclass(frozen=True)
class ListReading:
    """A record read with the list for adults or for children. ``classes``: the published class in the best and the worst case."""

    people: str
    dimensions: tuple[Dimension, ...]
    classes: tuple[str, str]
    stages: Mapping[str, Reading]
    act: Reading
    means: Reading
    purpose: Reading
    forced_labour: Reading
    trafficking: Reading


@dataclass(frozen=True)
class IndicatorCheck:
    """One ILO indicator as a line of a checklist, according to the list of 2012 and to its revision of 2025.

    ``in_2025`` is "found_alone" if the indicator is found without a sign that people cannot leave, which the revision requires.
    ``stressed``: the findings that the revision emphasises or adds.
    """

    id: str
    in_2012: str
    in_2025: str
    findings: tuple[str, ...]
    stressed: tuple[str, ...]


@dataclass(frozen=True)
class CaseReading:
    """The complete reading of a case.

    ``strength``: one of STRENGTHS, with its reasons; ``indicators``: those that the case sets
    in a model; ``unplaced_findings``: findings without a known phase; ``newest_finding_on``: the date of the newest finding, or
    None if no finding has a date; ``urgent``: coercion at work is reached (CC-5).
    """

    lists: tuple[ListReading, ...]
    ilo: tuple[IndicatorCheck, ...]
    strength: str
    because: tuple[str, ...]
    indicators: tuple[str, ...]
    unplaced_findings: tuple[str, ...]
    newest_finding_on: date | None = None
    urgent: bool = False


class _CellRecord:
    """A case arranged in cells (finding, phase): found, not found, or not asked."""

    def __init__(self, case: Case, rules: CaseRules) -> None:
        self.case, self.rules = case, rules
        self.places: dict[Cell, list[str]] = {}
        self.absent: set[Cell] = set()
        self.found_ids: dict[str, None] = {}  # in any phase or none, in the order in which they are recorded
        placed = set()
        for finding in case.findings:
            phase = rules.findings[finding.finding_id].resolve_phase(finding.phase)
            if finding.found:
                self.found_ids[finding.finding_id] = None
            if phase and finding.found:
                self.places.setdefault((finding.finding_id, phase), []).append(finding.place)
                placed.add(finding.finding_id)
            elif phase:
                self.absent.add((finding.finding_id, phase))
        self.unplaced = tuple(finding_id for finding_id in self.found_ids if finding_id not in placed)

    def get_state(self, cell: Cell) -> str:
        """Return the state of a finding in a phase: FOUND, NOT_FOUND or NOT_ASKED."""
        if cell in self.places:
            return FOUND
        return NOT_FOUND if cell in self.absent or cell[1] in self.case.phases_asked else NOT_ASKED

    def combine_states(self, cells: Iterable[Cell]) -> str:
        """Return the combined state of an indicator that is read from several cells."""
        states = {self.get_state(cell) for cell in cells}
        return FOUND if FOUND in states else NOT_ASKED if NOT_ASKED in states or not states else NOT_FOUND

    def describe_places(self, cells: Iterable[Cell]) -> str:
        """Return where the findings in these cells are recorded, as text; "" if no places are given."""
        places = sorted({place for cell in cells for place in self.places.get(cell, ())})
        return self.rules.format("places", places=", ".join(places)) if any(places) else ""


def read_case(case: Case, on: date, rules: CaseRules | None = None) -> CaseReading:
    """Read a case with all the lists, as of a day; ``rules``: by default those in force on that day.


    If it is not known whether children are concerned, the case is read with both lists, and only the one for adults decides the
    strength. Raises KeyError for a finding that is not defined.
    """
    rules = rules or find_case_rules_in_force(on)
    record = _CellRecord(case, rules)
    list_names = {"adults": LISTS[:1], "children": LISTS[1:]}.get(case.people or "", LISTS)
    lists = tuple(_read_by_list(record, people) for people in list_names)
    decisive = [reading for reading in lists if reading.people == "adult" or case.people in ("children", "both")]
    met = [rule for rule in rules.raw["strength"] if _meets_strength_rule(rule, record, decisive, on)]
    strength = max((STRENGTHS.index(rule["strength"]) for rule in met), default=0)
    because = [rule["because"] for rule in met if STRENGTHS.index(rule["strength"]) == strength]
    coercion = rules.raw["urgent"]
    urgent = any(reading.dimensions[coercion["dimension"] - 1].best for reading in decisive)
    if urgent:
        because.append(f"{coercion['title'].capitalize()}.")
    harms = {name for finding_id in record.found_ids for name in rules.findings[finding_id].indicators}
    child = rules.raw["child_harm"]
    if any(r.people == "child" and r.dimensions[child["dimension"] - 1].best for r in decisive):
        harms |= set(child["indicators"])
    days = [_count_days_since(finding.on, on) for finding in case.findings if finding.found and finding.on]
    newest = on - timedelta(days=max(0.0, min(days))) if days else None
    return CaseReading(
        lists,
        _build_checklist(record),
        STRENGTHS[strength],
        tuple(because),
        tuple(sorted(harms)),
        record.unplaced,
        newest,
        urgent,
    )


def _read_by_list(record: _CellRecord, people: str) -> ListReading:
    rules = record.rules.raw
    dimensions = tuple(_read_dimension(record, people, entry["number"], entry["title"]) for entry in rules["dimension"])
    best = {d.number for d in dimensions if d.best}
    worst = {d.number for d in dimensions if d.worst}
    stages = {phase: _read_stage(record, phase) for phase in record.rules.phases}
    act, means, purpose = _read_act(record), _read_means(record, best, worst), _read_purpose(record, best, worst)
    without_means = people == "child" and not rules["palermo"]["child_needs_means"]
    elements = [act, purpose] if without_means else [act, means, purpose]
    sentence = "trafficking_of_children" if without_means else "trafficking"
    trafficking = _combine_readings(elements, record.rules, sentence)
    return ListReading(
        people,
        dimensions,
        (_find_class(rules["class"], best), _find_class(rules["class"], worst)),
        stages,
        act,
        means,
        purpose,
        _read_forced_labour(record, people, best, worst, stages),
        trafficking,
    )


def _find_rule(weights: Iterable[str], combinations: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the id of the first combination that the weights of different indicators satisfy; None if there is none."""
    counts = Counter(weights)
    for entry in combinations:
        needed = Counter(entry["needs"])
        others = needed.pop("other", 0)
        if all(counts[weight] >= n for weight, n in needed.items()) and counts["medium"] + counts["weak"] >= others:
            return str(entry["id"])
    return None


def _read_dimension(record: _CellRecord, people: str, number: int, title: str) -> Dimension:
    rules, combinations = record.rules, record.rules.raw["combination"]
    weights = [w for w in rules.weights.values() if w.dimension == number and people in w.by_list]
    states = {w.id: record.combine_states(rules.cells_by_indicator[w.id]) for w in weights}
    found = [w for w in weights if states[w.id] == FOUND]
    possible = [w for w in weights if states[w.id] != NOT_FOUND]
    # Disputed weights are used in both ways: the softer ones for the best case, the published ones for the worst case.
    rule = _find_rule((w.softer[people] for w in found), combinations)
    published = _find_rule((w.by_list[people] for w in found), combinations)
    worst = _find_rule((w.by_list[people] for w in possible), combinations) is not None
    indicators = [rules.format("dimension_indicator", id=w.id, weight=w.by_list[people]) for w in found]
    names = ", ".join(indicators) or rules.format("nothing_found")
    places = record.describe_places(cell for w in found for cell in rules.cells_by_indicator[w.id])
    unknown = len(possible) - len(found)
    if rule:
        result = rules.format("dimension_reached", rule=rule, names=names, places=places)
    elif published:
        result = rules.format("dimension_disputed", rule=published, names=names, places=places)
    elif worst:
        result = rules.format("dimension_open", names=names, places=places, unknown=unknown, total=len(weights))
    else:
        result = rules.format("dimension_not_reached", names=names, places=places)
    memory = _describe_memory_marks(rules, (w.id for w in found))
    because = rules.format("dimension", number=number, title=title, people=people, result=result, memory=memory)
    return Dimension(rule is not None, worst, because, number, rule or published, tuple(w.id for w in found), unknown)


def _find_class(classes: Sequence[Mapping[str, Any]], reached: set[int]) -> str:
    """Return the id of the last of the published classes whose dimensions are reached."""
    return [str(entry["id"]) for entry in classes if all(reached & set(group) for group in entry["all_of"])][-1]


def _read_stage(record: _CellRecord, stage: str) -> Reading:
    """Check one stage for involuntariness and the menace of a penalty, at least one of them strong, from different findings."""
    limbs = [limb for limb in record.rules.limbs.values() if stage in limb.stages]
    cells = [
        (limb, cell)
        for limb in limbs
        for cell in record.rules.cells_by_indicator[limb.id]
        if _counts_in_stage(limb.limb, cell, stage)
    ]

    def find_pairs(states: tuple[str, ...]) -> list[tuple[str, str, Cell, Cell]]:
        possible = [(limb, cell) for limb, cell in cells if record.get_state(cell) in states]
        return [
            (a.id, b.id, cell_a, cell_b)
            for a, cell_a in possible
            for b, cell_b in possible
            if (a.limb, b.limb) == ("involuntariness", "penalty") and (a.strong or b.strong) and cell_a[0] != cell_b[0]
        ]

    best, worst = find_pairs((FOUND,)), find_pairs((FOUND, NOT_ASKED))
    if best:
        involuntary, penalty, involuntary_cell, penalty_cell = best[0]
        places = record.describe_places((involuntary_cell, penalty_cell))
        result = record.rules.format("stage_reached", involuntary=involuntary, penalty=penalty, places=places)
        used = [involuntary, penalty]
    else:
        used = sorted({limb.id for limb, cell in cells if record.get_state(cell) == FOUND})
        names = ", ".join(used) or record.rules.format("nothing_found")
        result = record.rules.format("stage_not_reached", names=names)
    memory = _describe_memory_marks(record.rules, used)
    because = record.rules.format("stage", stage=record.rules.phases[stage], result=result, memory=memory)
    return Reading(bool(best), bool(worst), because)


def _describe_memory_marks(rules: CaseRules, used: Iterable[str]) -> str:
    """Return a sentence that names the indicators used whose weight is known only from memory; "" if there are none."""
    unsure = sorted(name for name in used if rules.marks[name].startswith("memory"))
    return rules.format("memory", names=", ".join(unsure)) if unsure else ""


def _counts_in_stage(limb: str, cell: Cell, stage: str) -> bool:
    """Return whether a cell counts: involuntariness counts in any phase, a penalty only in the stage in which it was
    threatened."""
    return limb == "involuntariness" or cell[1] == stage


def _read_act(record: _CellRecord) -> Reading:
    acts = [act for act in record.case.acts if act != NO_ACT]
    recruitment = [cell for cell in record.places if cell[1] == "recruitment"]
    best, rules = bool(acts or recruitment), record.rules
    if acts:
        result = rules.format("act_recorded", acts=", ".join(acts))
    elif recruitment:
        result = rules.format("act_found", places=record.describe_places(recruitment))
    else:
        result = rules.format("act_none" if record.case.acts else "act_unknown")
    return Reading(best, best or not record.case.acts, rules.format("act", result=result))


def _read_means(record: _CellRecord, best: set[int], worst: set[int]) -> Reading:
    rules, acts = record.rules.raw["palermo"], set(record.case.acts)
    received = bool(acts & set(rules["receipt"]))
    at_recruitment, on_receipt = set(rules["means"]), set(rules["means_on_receipt"])
    best_means = best & (at_recruitment | on_receipt if received else at_recruitment)
    worst_means = worst & (at_recruitment | on_receipt if received or not acts else at_recruitment)
    numbers = ", ".join(map(str, sorted(best_means)))
    result = record.rules.format("means_reached" if best_means else "means_not_reached", numbers=numbers)
    return Reading(bool(best_means), bool(worst_means | best_means), record.rules.format("means", result=result))


def _read_purpose(record: _CellRecord, best: set[int], worst: set[int]) -> Reading:
    rules = record.rules.raw["palermo"]
    findings = [finding_id for finding_id in rules["purpose_findings"] if finding_id in record.found_ids]
    exploited = rules["purpose"] in best
    titles = [record.rules.findings[finding_id].title.lower() for finding_id in findings]
    result = record.rules.format(
        "purpose_reached" if exploited else "purpose_found" if findings else "purpose_not_recorded",
        number=rules["purpose"],
        findings=", ".join(findings),
        titles=", ".join(titles),
    )
    possible = exploited or rules["purpose"] in worst or bool(findings)
    return Reading(exploited or bool(findings), possible, record.rules.format("purpose", result=result))


def _read_forced_labour(
    record: _CellRecord, people: str, best: set[int], worst: set[int], stages: Mapping[str, Reading]
) -> Reading:
    rules = record.rules.raw["forced_labour"]
    needed = set(rules["dimensions"])
    reasons = [stage.because for stage in stages.values() if stage.best]
    possible = needed <= worst or any(stage.worst for stage in stages.values())
    if needed <= best:
        numbers = " and ".join(map(str, sorted(needed)))
        reasons.append(record.rules.format("forced_labour_dimensions", numbers=numbers))
    if people == "child":
        # A child's work is forced if a third party coerces the child or the parents, or if the parents are themselves in bondage.
        penalties = [limb.id for limb in record.rules.limbs.values() if _is_penalty(record, limb.id, FOUND)]
        if penalties:
            reasons.append(record.rules.format("forced_labour_penalty", names=", ".join(sorted(penalties))))
        child_findings = [finding_id for finding_id in rules["child_findings"] if finding_id in record.found_ids]
        reasons += [f"{record.rules.findings[finding_id].title}." for finding_id in child_findings]
        possible = possible or any(_is_penalty(record, name, NOT_ASKED) for name in record.rules.limbs)
    result = " ".join(reasons) or record.rules.format("forced_labour_not_recorded")
    because = record.rules.format("forced_labour", people=people, result=result)
    return Reading(bool(reasons), possible or bool(reasons), because)


def _is_penalty(record: _CellRecord, name: str, state: str) -> bool:
    """Return whether an indicator shows a penalty and is in this state."""
    limb = record.rules.limbs[name]
    return limb.limb == "penalty" and record.combine_states(record.rules.cells_by_indicator[name]) == state


def _combine_readings(readings: Sequence[Reading], rules: CaseRules, sentence: str) -> Reading:
    """Return a reading that requires all of several readings."""
    best, worst = (all(r.best for r in readings), all(r.worst for r in readings))
    result = rules.format("all_recorded" if best else "not_all_recorded" if worst else "not_all_possible")
    reasons = " ".join(r.because for r in readings)
    return Reading(best, worst, rules.format(sentence, result=result, reasons=reasons))


def _build_checklist(record: _CellRecord) -> tuple[IndicatorCheck, ...]:
    rules, revision = record.rules, record.rules.raw["ilo_2025"]
    lines: dict[str, IndicatorCheck] = {}
    for name in ILO_INDICATORS:
        findings = tuple(finding_id for finding_id in record.found_ids if name in rules.findings[finding_id].ilo)
        findings_2012 = [finding_id for finding_id in findings if rules.findings[finding_id].ilo_2025 != "added"]
        cells = rules.cells_by_indicator[name]
        cells_2012 = [cell for cell in cells if rules.findings[cell[0]].ilo_2025 != "added"]
        in_2012 = FOUND if findings_2012 else record.combine_states(cells_2012)
        in_2025 = FOUND if findings else record.combine_states(cells)
        stressed = tuple(finding_id for finding_id in findings if rules.findings[finding_id].ilo_2025)
        lines[name] = IndicatorCheck(name, in_2012, in_2025, findings, stressed)
    tied = lines[revision["tied"]]
    cannot_leave = any(lines[name].findings for name in revision["to"])
    cannot_leave = cannot_leave or any(cell[1] == revision["to_phase"] for cell in record.places)
    if tied.findings and not cannot_leave:
        lines[tied.id] = replace(tied, in_2025=FOUND_ALONE)
    return tuple(lines.values())


def _meets_strength_rule(rule: Mapping[str, Any], record: _CellRecord, lists: Sequence[ListReading], on: date) -> bool:
    """Return whether the recorded findings of a case meet a rule of strength."""
    if rule.get("any_finding"):
        return bool(record.found_ids)
    if "findings" in rule:
        limit = rule["within_months"] * DAYS_PER_MONTH
        findings = [f for f in record.case.findings if f.found and f.finding_id in rule["findings"]]
        return any(_count_days_since(f.on, on) <= limit for f in findings)
    considered = [r for r in lists if r.people == "child"] if rule.get("children") else lists
    return any(getattr(r, rule["reading"]).best for r in considered)


def _count_days_since(partial_date: str | None, on: date) -> float:
    """Return the days since the last day that an ISO date, month or year can mean; 0 if there is no date."""
    if not partial_date:
        return 0.0
    year, month, day = (*map(int, partial_date.split("-")), 0, 0)[:3]
    if not day:
        year, month = (year, month + 1) if month and month < 12 else (year + 1, 1)
        return float((on - date(year, month, 1)).days + 1)
    return float((on - date(year, month, day)).days)
