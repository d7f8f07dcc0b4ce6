"""Case records read by the published rules: the findings of one cohort in, readings with their reasons out.

A cohort is one group of people: nationality, job and intake period, adults or children. Findings of different cohorts are
never put together. What was not asked about is unknown: each reading has a ``best`` (the unknown is absent) and a ``worst``
(the unknown is present). A reading says what indicators are consistent with; it is never a verdict about anyone.
Sources of the rules: ``cases/*.toml``, and docs/cases.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from risk_models.cases.rules import ILO, LISTS, STRENGTHS, CaseRules, case_rules

DAYS_A_MONTH: Final = 30.4375
FOUND, NOT_FOUND, NOT_ASKED, ALONE = "found", "not_found", "not_asked", "found_alone"
NOBODY: Final = "nobody"  # the answer that says: neither recruited, moved nor received by anybody

Cell = tuple[str, str]


@dataclass(frozen=True)
class Finding:
    """One finding of a record: what (an id of ``cases/findings.toml``), in which phase, whether it was found, who says so,
    when (ISO day, month or year), and where it stands.
    """

    what: str
    phase: str | None
    found: bool = True
    source: str | None = None
    on: str | None = None
    place: str = ""


@dataclass(frozen=True)
class Case:
    """A case record. ``people``: "adults", "children", "both" or None (not known). ``acts``: what was done to bring them
    there. ``asked``: phases asked about in full, where what was not found is absent.
    """

    id: str
    findings: tuple[Finding, ...]
    people: str | None = None
    acts: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What a rule makes of a record at best and at worst, and the sentence that says why: rule, indicators, records."""

    best: bool
    worst: bool
    because: str


@dataclass(frozen=True)
class Dimension(Reading):
    """One of the six dimensions. ``rule`` that reached it, of the indicators found, and how many were not asked about."""

    number: int
    rule: str | None
    found: tuple[str, ...]
    not_asked: int


@dataclass(frozen=True)
class ListReading:
    """A record read by the list for adults or for children. ``classes``: the published class at best and at worst."""

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
class Checked:
    """One of the ILO indicators as a line of a checklist, by the list of 2012 and with the emphases of 2025.

    ``found_alone``: found, without a sign that people cannot leave, which the revision asks for. ``stressed``: those of the
    findings that the revision stresses or adds.
    """

    id: str
    in_2012: str
    in_2025: str
    findings: tuple[str, ...]
    stressed: tuple[str, ...]


@dataclass(frozen=True)
class CaseReading:
    """All that is read in a case. ``strength`` of STRENGTHS, with its reasons; ``indicators``: what it sets in a model;
    ``told_on``: the day of the newest finding, None where none has a date. ``urgent``: coercion at work is reached (CC-5).
    """

    lists: tuple[ListReading, ...]
    ilo: tuple[Checked, ...]
    strength: str
    because: tuple[str, ...]
    indicators: tuple[str, ...]
    not_placed: tuple[str, ...]
    told_on: date | None = None
    urgent: bool = False


class _Record:
    """A case laid out in cells (finding, phase): found, not found, or not asked."""

    def __init__(self, case: Case, rules: CaseRules) -> None:
        self.case, self.rules = case, rules
        self.places: dict[Cell, list[str]] = {}
        self.absent: set[Cell] = set()
        self.told: dict[str, list[str]] = {}  # findings, whatever the phase
        placed = set()
        for each in case.findings:
            phase = rules.findings[each.what].phase_of(each.phase)
            if each.found:
                self.told.setdefault(each.what, []).append(each.place)
            if phase and each.found:
                self.places.setdefault((each.what, phase), []).append(each.place)
                placed.add(each.what)
            elif phase:
                self.absent.add((each.what, phase))
        self.not_placed = tuple(what for what in self.told if what not in placed)

    def state(self, cell: Cell) -> str:
        """What is known of a finding in a phase."""
        if cell in self.places:
            return FOUND
        return NOT_FOUND if cell in self.absent or cell[1] in self.case.asked else NOT_ASKED

    def state_of(self, cells: Iterable[Cell]) -> str:
        """What is known of an indicator that is read in several cells."""
        states = {self.state(cell) for cell in cells}
        return FOUND if FOUND in states else NOT_ASKED if NOT_ASKED in states or not states else NOT_FOUND

    def rows(self, cells: Iterable[Cell]) -> str:
        """Where it is recorded, as text."""
        places = sorted({place for cell in cells for place in self.places.get(cell, ())})
        return f"; recorded in {', '.join(places)}" if any(places) else ""


def read(case: Case, on: date, rules: CaseRules | None = None) -> CaseReading:
    """A case read on a day by all the lists. Where it is not known whether children are concerned, it is read by both
    lists, and only the one for adults settles the strength. Raises KeyError for a finding that is not in the list.
    """
    rules = rules or case_rules()
    record = _Record(case, rules)
    wanted = {"adults": LISTS[:1], "children": LISTS[1:]}.get(case.people or "", LISTS)
    lists = tuple(_by_list(record, people) for people in wanted)
    ilo = _checklist(record)
    settled = [reading for reading in lists if reading.people == "adult" or case.people in ("children", "both")]
    reached = [rule for rule in rules.told["strength"] if _meets(rule, record, settled, on)]
    strength = max((STRENGTHS.index(rule["strength"]) for rule in reached), default=0)
    because = [rule["because"] for rule in reached if STRENGTHS.index(rule["strength"]) == strength]
    coercion = rules.told["urgent"]
    urgent = any(reading.dimensions[coercion["dimension"] - 1].best for reading in settled)
    if urgent:
        because.append(f"{coercion['title'].capitalize()}.")
    harms = {name for what in record.told for name in rules.findings[what].indicators}
    child = rules.told["child_harm"]
    if any(r.people == "child" and r.dimensions[child["dimension"] - 1].best for r in settled):
        harms |= set(child["indicators"])
    days = [_days_since(finding.on, on) for finding in case.findings if finding.found and finding.on]
    newest = on - timedelta(days=max(0.0, min(days))) if days else None
    placed = record.not_placed
    return CaseReading(lists, ilo, STRENGTHS[strength], tuple(because), tuple(sorted(harms)), placed, newest, urgent)


def _by_list(record: _Record, people: str) -> ListReading:
    rules = record.rules.told
    dimensions = tuple(_dimension(record, people, told["number"], told["title"]) for told in rules["dimension"])
    best = {d.number for d in dimensions if d.best}
    worst = {d.number for d in dimensions if d.worst}
    stages = {phase: _stage(record, phase) for phase in record.rules.phases}
    act, means, purpose = _act(record), _means(record, best, worst), _purpose(record, best, worst)
    without = people == "child" and not rules["palermo"]["child_needs_means"]
    needed = [act, purpose] if without else [act, means, purpose]
    named = "act and purpose (means are not needed for children)" if without else "act, means and purpose"
    trafficking = _all(needed, f"Trafficking, {named}")
    return ListReading(
        people,
        dimensions,
        (_class(rules["class"], best), _class(rules["class"], worst)),
        stages,
        act,
        means,
        purpose,
        _forced_labour(record, people, best, worst, stages),
        trafficking,
    )


def _rule(weights: Iterable[str], combinations: Sequence[Mapping[str, Any]]) -> str | None:
    """The first combination that a set of weights of different indicators holds."""
    have = Counter(weights)
    for told in combinations:
        needs = Counter(told["needs"])
        others = needs.pop("other", 0)
        if all(have[weight] >= n for weight, n in needs.items()) and have["medium"] + have["weak"] >= others:
            return str(told["id"])
    return None


def _dimension(record: _Record, people: str, number: int, title: str) -> Dimension:
    rules, combinations = record.rules, record.rules.told["combination"]
    held = [w for w in rules.weights.values() if w.dimension == number and people in w.by_list]
    states = {w.id: record.state_of(rules.cells_of[w.id]) for w in held}
    found = [w for w in held if states[w.id] == FOUND]
    possible = [w for w in held if states[w.id] != NOT_FOUND]
    # Disputed weights are tried both ways: the softer ones for the best reading, the published ones for the worst.
    rule = _rule((w.softer[people] for w in found), combinations)
    published = _rule((w.by_list[people] for w in found), combinations)
    worst = _rule((w.by_list[people] for w in possible), combinations) is not None
    named = ", ".join(f"{w.id} {w.by_list[people]}" for w in found) or "nothing found"
    where = record.rows(cell for w in found for cell in rules.cells_of[w.id])
    unknown = len(possible) - len(found)
    if rule:
        said = f"reached by {rule} with {named}{where}"
    elif published:
        said = f"reached by {published} with {named} as published, not where the disputed weights are softer{where}"
    elif worst:
        said = f"not reached by what is recorded ({named}{where}); {unknown} of {len(held)} indicators were not asked about"
    else:
        said = f"not reached ({named}{where})"
    because = f"Dimension {number}, {title} ({people} list): {said}.{_by_heart(rules, (w.id for w in found))}"
    return Dimension(rule is not None, worst, because, number, rule or published, tuple(w.id for w in found), unknown)


def _class(classes: Sequence[Mapping[str, Any]], reached: set[int]) -> str:
    """The last of the published classes whose dimensions are reached."""
    return [str(told["id"]) for told in classes if all(reached & set(group) for group in told["all_of"])][-1]


def _stage(record: _Record, stage: str) -> Reading:
    """Involuntariness and the menace of a penalty in one stage, at least one of them strong, from different findings."""
    limbs = [limb for limb in record.rules.limbs.values() if stage in limb.stages]
    cells = [
        (limb, cell) for limb in limbs for cell in record.rules.cells_of[limb.id] if _counts(limb.limb, cell, stage)
    ]

    def met(states: tuple[str, ...]) -> list[tuple[str, str, Cell, Cell]]:
        held = [(limb, cell) for limb, cell in cells if record.state(cell) in states]
        return [
            (a.id, b.id, cell_a, cell_b)
            for a, cell_a in held
            for b, cell_b in held
            if (a.limb, b.limb) == ("involuntariness", "penalty") and (a.strong or b.strong) and cell_a[0] != cell_b[0]
        ]

    best, worst = met((FOUND,)), met((FOUND, NOT_ASKED))
    if best:
        unfree, penalty, one, other = best[0]
        said = f"involuntariness ({unfree}) under the menace of a penalty ({penalty}){record.rows((one, other))}"
        used = [unfree, penalty]
    else:
        used = sorted({limb.id for limb, cell in cells if record.state(cell) == FOUND})
        said = f"not both recorded, of different findings and one of them strong ({', '.join(used) or 'nothing found'})"
    return Reading(
        bool(best), bool(worst), f"Stage of {record.rules.phases[stage]}: {said}.{_by_heart(record.rules, used)}"
    )


def _by_heart(rules: CaseRules, used: Iterable[str]) -> str:
    """A sentence where the weight of an indicator used is known from memory only."""
    unsure = sorted(name for name in used if rules.marks[name].startswith("memory"))
    return f" From memory, to be checked against the original: {', '.join(unsure)}." if unsure else ""


def _counts(limb: str, cell: Cell, stage: str) -> bool:
    """Involuntariness belongs to its stage wherever it was told; a penalty counts in the stage it was threatened in."""
    return limb == "involuntariness" or cell[1] == stage


def _act(record: _Record) -> Reading:
    acts = [act for act in record.case.acts if act != NOBODY]
    recruited = [cell for cell in record.places if cell[1] == "recruitment"]
    best = bool(acts or recruited)
    if acts:
        said = f"recorded: {', '.join(acts)}"
    elif recruited:
        said = f"findings of recruitment{record.rows(recruited)}"
    else:
        said = "none, as recorded" if record.case.acts else "not asked about"
    return Reading(best, best or not record.case.acts, f"Act: {said}.")


def _means(record: _Record, best: set[int], worst: set[int]) -> Reading:
    rules, acts = record.rules.told["palermo"], set(record.case.acts)
    received = bool(acts & set(rules["receipt"]))
    at_recruitment, on_receipt = set(rules["means"]), set(rules["means_on_receipt"])
    by_best = best & (at_recruitment | on_receipt if received else at_recruitment)
    by_worst = worst & (at_recruitment | on_receipt if received or not acts else at_recruitment)
    said = (
        f"dimension {', '.join(map(str, sorted(by_best)))} reached"
        if by_best
        else "no dimension that counts is reached"
    )
    return Reading(bool(by_best), bool(by_worst | by_best), f"Means: {said}.")


def _purpose(record: _Record, best: set[int], worst: set[int]) -> Reading:
    rules = record.rules.told["palermo"]
    named = [what for what in rules["purpose_findings"] if what in record.told]
    exploited = rules["purpose"] in best
    said = f"dimension {rules['purpose']} reached" if exploited else ", ".join(named) or "exploitation is not recorded"
    possible = exploited or rules["purpose"] in worst or bool(named)
    return Reading(exploited or bool(named), possible, f"Purpose: {said}.")


def _forced_labour(
    record: _Record, people: str, best: set[int], worst: set[int], stages: Mapping[str, Reading]
) -> Reading:
    rules = record.rules.told["forced_labour"]
    needed = set(rules["dimensions"])
    reasons = [stage.because for stage in stages.values() if stage.best]
    possible = needed <= worst or any(stage.worst for stage in stages.values())
    if needed <= best:
        reasons.append(f"Dimensions {' and '.join(map(str, sorted(needed)))} reached.")
    if people == "child":
        # The work of a child is forced where a third party coerces child or parents, or the parents are themselves bound.
        coerced = [limb.id for limb in record.rules.limbs.values() if _is_penalty(record, limb.id, FOUND)]
        if coerced:
            reasons.append(f"A penalty was threatened or used ({', '.join(sorted(coerced))}).")
        reasons += [f"{record.rules.findings[w].title}." for w in rules["child_findings"] if w in record.told]
        possible = possible or any(_is_penalty(record, name, NOT_ASKED) for name in record.rules.limbs)
    told = " ".join(reasons) or "Neither the two limbs in one stage nor exploitation with coercion is recorded."
    return Reading(bool(reasons), possible or bool(reasons), f"Forced labour ({people} list): {told}")


def _is_penalty(record: _Record, name: str, state: str) -> bool:
    limb = record.rules.limbs[name]
    return limb.limb == "penalty" and record.state_of(record.rules.cells_of[name]) == state


def _all(readings: Sequence[Reading], title: str) -> Reading:
    best, worst = (all(r.best for r in readings), all(r.worst for r in readings))
    said = "all recorded" if best else "not all recorded" if worst else "not all there"
    return Reading(best, worst, f"{title}: {said}. {' '.join(r.because for r in readings)}")


def _checklist(record: _Record) -> tuple[Checked, ...]:
    rules, revised = record.rules, record.rules.told["ilo_2025"]
    lines: dict[str, Checked] = {}
    for name in ILO:
        findings = tuple(what for what in record.told if name in rules.findings[what].ilo)
        listed = [what for what in findings if rules.findings[what].ilo_2025 != "added"]
        asked = [cell for cell in rules.cells_of[name] if rules.findings[cell[0]].ilo_2025 != "added"]
        in_2012 = FOUND if listed else record.state_of(asked)
        in_2025 = FOUND if findings else record.state_of(rules.cells_of[name])
        stressed = tuple(what for what in findings if rules.findings[what].ilo_2025)
        lines[name] = Checked(name, in_2012, in_2025, findings, stressed)
    tied = lines[revised["tied"]]
    held = any(lines[name].findings for name in revised["to"])
    held = held or any(cell[1] == revised["to_phase"] for cell in record.places)
    if tied.findings and not held:
        lines[tied.id] = replace(tied, in_2025=ALONE)
    return tuple(lines.values())


def _meets(rule: Mapping[str, Any], record: _Record, lists: Sequence[ListReading], on: date) -> bool:
    """Whether a case meets a rule of strength, by what is recorded."""
    if rule.get("any_finding"):
        return bool(record.told)
    if "findings" in rule:
        limit = rule["within_months"] * DAYS_A_MONTH
        told = [f for f in record.case.findings if f.found and f.what in rule["findings"]]
        return any(_days_since(f.on, on) <= limit for f in told)
    wanted = [r for r in lists if r.people == "child"] if rule.get("children") else lists
    return any(getattr(r, rule["reading"]).best for r in wanted)


def _days_since(written: str | None, on: date) -> float:
    """Days since the last day that a date of some precision can mean; none where there is no date."""
    if not written:
        return 0.0
    year, month, day = (*map(int, written.split("-")), 0, 0)[:3]
    if not day:
        year, month = (year, month + 1) if month and month < 12 else (year + 1, 1)
        return float((on - date(year, month, 1)).days + 1)
    return float((on - date(year, month, day)).days)
