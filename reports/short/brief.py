"""Build the board brief: two pages from which a director sees within seconds what has to be decided.

It never shows a score: levels are words, and numbers of people come with their range and their origin.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from reports.charts import draw_level_counts
from reports.document import LEVEL_TITLES, LEVELS, Headline, Level, Report, Step
from reports.formatting import format_count, format_date, format_short_date
from reports.redaction import SMALL_GROUP
from reports.short.document import Bullets, Paragraph, Picture, Section, ShortDocument, Table, Tag
from reports.summary import count_by_level
from reports.view_model import OWNERS

URGENT: tuple[Level, ...] = ("critical", "high")
STATE_IMPOSED = "decide_state_imposed"  # the action where labour imposed by a state is documented
MAX_NAMES, MAX_CHANGES, MAX_OPEN, MAX_LETTERS = 2, 6, 4, 40
MAX_SAFETY, MAX_OTHER, MAX_OWN = 5, 4, 2  # the steps that are shown of each kind


class Decision(NamedTuple):
    """A decision for the board. `clause`: its short form for the headline."""

    clause: str
    text: str
    why: str
    due: str


def build(report: Report) -> ShortDocument:
    """Return the brief on an internal report. Raises ValueError for a supplier's copy, which contains nothing to decide."""
    if report.audience != "internal":
        raise ValueError("a board brief is internal and cannot be created from a supplier's copy")
    decisions = list_decisions(report)
    sections = [
        Section("Decisions needed", (_decision_table(decisions),)),
        Section("People at risk", _describe_people(report)),
        Section("What changed", _describe_changes(report), new_page=True),
        Section("Who does what by when", (_step_table(report),)),
        Section("How sure we are", (Bullets(_describe_confidence(report)),)),
    ]
    headline = _state_headline(decisions)
    return ShortDocument(
        "Board brief, internal",
        report.title,
        headline,
        report.on,
        tuple(sections),
        sender=report.sender,
        logo=report.logo,
    )


def list_decisions(report: Report) -> list[Decision]:
    """Return what has to be decided, the most urgent first; empty if nothing has to be."""
    found = (
        _decide_on_danger(report),
        _decide_on_plans(report),
        _decide_on_state_imposed(report),
        _decide_on_exits(report.exits),
        _decide_on_questions(report),
        _decide_on_own_practices(report),
    )
    return [decision for decision in found if decision is not None]


def _list_reachable(report: Report) -> list[Headline]:
    """Return the results of suppliers with whom something can be agreed. Where a state imposes the labour, asking the site or
    its workers can harm people (RM-16): what is decided about those suppliers is whether to go on buying.
    """
    return [headline for headline in report.results if not headline.state_imposed]


def _state_headline(decisions: Sequence[Decision]) -> str:
    if not decisions:
        return "No decision is needed now. The results will be reviewed again when the next reviews are due."
    clauses = [decision.clause for decision in decisions[:3]]
    joined = clauses[0] if len(clauses) == 1 else f"{', '.join(clauses[:-1])} and {clauses[-1]}"
    return f"{joined[0].upper()}{joined[1:]}."


def _decision_table(decisions: Sequence[Decision]) -> Table | Paragraph:
    if not decisions:
        return Paragraph("None. Nothing in the results calls for a decision by the board at present.")
    rows = [(f"{place}. {each.text}", each.why, each.due) for place, each in enumerate(decisions, 1)]
    return Table(("Decision", "Why", "By when"), tuple(rows), (38, 45, 17))


def _decide_on_danger(report: Report) -> Decision | None:
    endangered = [headline for headline in _list_reachable(report) if headline.case_evidence == "emergency"]
    urgent = [step for step in report.plan if step.safety and step.within_hours is not None]
    if endangered:
        people = "people at " + _name(endangered)
        return Decision(
            f"make sure that people at {format_count(len(endangered), 'supplier')} are safe",
            "Name a person who will make sure today that the people concerned are safe.",
            f"Case records suggest that {people} may be in danger now.",
            format_due(urgent[0], report.on) if urgent else "Today",
        )
    if not urgent:
        return None
    most = max(urgent, key=lambda step: step.suppliers)
    return Decision(
        f"start the safety steps at {format_count(most.suppliers, 'supplier')}",
        "Name a person to start the safety steps, and approve their cost.",
        f"{_join_names(most.names, most.suppliers)}: {_uncapitalise(most.title)}.",
        format_due(urgent[0], report.on),
    )


def _decide_on_plans(report: Report) -> Decision | None:
    urgent = [headline for headline in _list_reachable(report) if headline.level in URGENT]
    if not urgent:
        return None
    counts = Counter(headline.level for headline in urgent)
    rated = " and ".join(f"{counts[level]:,} {LEVEL_TITLES[level]}" for level in URGENT if counts[level])
    suppliers = format_count(len(urgent), "supplier")
    theirs = [step.due for step in report.plan if step.owner != "buyer" and step.due and step.within_hours is None]
    return Decision(
        f"agree on action plans with {suppliers}",
        f"Agree on a corrective action plan with {suppliers}, and decide what we contribute to its cost.",
        f"Rated {rated}: {_name(urgent)}. Ending a contract first would leave workers worse off.",
        f"First step by {format_short_date(min(theirs))}" if theirs else "Next meeting",
    )


def _decide_on_state_imposed(report: Report) -> Decision | None:
    step = next((step for step in report.plan if step.action == STATE_IMPOSED), None)
    if step is None:
        return None
    return Decision(
        f"decide whether to continue buying from {format_count(step.suppliers, 'supplier')} affected by "
        "state-imposed labour",
        f"Decide whether to continue buying from {_join_names(step.names, step.suppliers)}.",
        "State-imposed labour is documented there. No audit and no answer from a site can show otherwise, and asking "
        "could harm workers.",
        format_due(step, report.on),
    )


def _decide_on_exits(names: Sequence[str]) -> Decision | None:
    if not names:
        return None
    suppliers = format_count(len(names), "supplier")
    paper, state = ("exit paper", "It states") if len(names) == 1 else ("exit papers", "They state")
    return Decision(
        f"decide whether to stay with {suppliers} or leave",
        f"Decide on the {paper} for {_join_names(names, len(names))}: stay and use our influence, or leave and "
        "pay for remedy.",
        f"{state} what was tried, how leaving would affect workers, and how remedy would be paid. Workers are the "
        "first to suffer when a buyer leaves.",
        "Next meeting",
    )


def _decide_on_questions(report: Report) -> Decision | None:
    unknown = [headline for headline in _list_reachable(report) if headline.level == "insufficient_evidence"]
    if not unknown:
        return None
    risky = [headline for headline in unknown if headline.inherent_level in URGENT]
    suppliers = format_count(len(unknown), "supplier")
    first = f", starting with {_name(risky)}, where the country and sector are riskiest" if risky else ""
    return Decision(
        f"question {suppliers} about which too little is known",
        f"Send {suppliers} a questionnaire before placing new orders{first}.",
        "Too little is known to rate them. This does not mean that they are safe.",
        "Next meeting",
    )


def _decide_on_own_practices(report: Report) -> Decision | None:
    harmful = list(dict.fromkeys(finding.title for finding in report.buyer if finding.state == "harm"))
    if not harmful:
        return None
    dates = [step.due for step in report.buyer_plan if step.due]
    practices = f"{len(harmful):,} of our own buying practices"
    they_make = "This makes" if len(harmful) == 1 else "They make"
    return Decision(
        f"change {practices}",
        f"Change {practices}.",
        f"{they_make} forced labour at suppliers more likely: {'; '.join(map(_uncapitalise, harmful[:MAX_NAMES]))}.",
        _format_day(min(dates), report.on) if dates else "Next meeting",
    )


def _describe_people(report: Report) -> tuple[Paragraph | Table | Picture, ...]:
    sites = [headline for headline in report.results if headline.kind == "site"]
    by_level = count_by_level(report.results)
    picture = Picture(draw_level_counts("levels", by_level))
    if not any(headline.workers for headline in sites):
        unknown = (
            "The suppliers have not stated how many people work for them, so the number of people at risk is not known."
        )
        return (Paragraph(unknown), picture)
    low = _sum_workers(headline for headline in sites if headline.level in URGENT)
    high = low + _sum_workers(headline for headline in sites if headline.level == "insufficient_evidence")
    concerned = [headline for headline in sites if headline.level in (*URGENT, "insufficient_evidence")]
    stated = sum(headline.workers is not None for headline in concerned)
    rows = [
        (
            Tag(level, LEVEL_TITLES[level]),
            f"{by_level[level]:,}",
            format_people(_sum_workers(headline for headline in sites if headline.level == level)),
        )
        for level in LEVELS
        if by_level[level]
    ]
    missing = len(concerned) - stated
    has = "has" if missing == 1 else "have"
    stating = (
        f"{missing:,} of these {len(concerned):,} sites {has} not given a number, so more people may be affected. "
    )
    stating *= bool(missing)
    origin = f"The numbers come from the suppliers' own lists and answers. {stating}Agency workers are not counted."
    return (
        Paragraph(f"{_state_range(low, high)} {origin}"),
        Table(("Level", "Suppliers", "People who work there"), tuple(rows), (40, 30, 30)),
        picture,
    )


def _state_range(low: float, high: float) -> str:
    if low == 0:
        return (
            f"{_capitalise(format_people(high))} people work at sites that cannot be rated because too little is known "
            "about them."
        )
    if high == low:
        return f"{_capitalise(format_people(low))} people work at sites rated Critical or High."
    return (
        f"Between {format_people(low)} and {format_people(high)} people may be affected: {format_people(low)} work at sites "
        "rated Critical or High, and the others at sites that cannot be rated because too little is known about them."
    )


def _describe_changes(report: Report) -> tuple[Paragraph | Table, ...]:
    changes = report.changes
    if changes is None:
        return (Paragraph("There is no earlier assessment to compare these results with."),)
    since = format_date(changes.since)
    added = f" {format_count(changes.added, 'supplier')} {'was' if changes.added == 1 else 'were'} added." * bool(
        changes.added
    )
    if not changes.moved:
        return (Paragraph(f"No supplier has moved to another level since {since}.{added}"),)
    rose = sum(LEVELS.index(change.now) < LEVELS.index(change.before) for change in changes.moved)
    rows = [
        (
            _shorten(change.name),
            Tag(change.before, LEVEL_TITLES[change.before]),
            Tag(change.now, LEVEL_TITLES[change.now]),
        )
        for change in changes.moved[:MAX_CHANGES]
    ]
    more = len(changes.moved) - MAX_CHANGES
    moved = format_count(len(changes.moved), "supplier has", "suppliers have")
    text = (
        f"{moved} moved to another level since {since}, {rose:,} of them to a level that needs more attention.{added}"
    )
    if changes.unexplained:
        fell = format_count(changes.unexplained, "supplier", "suppliers")
        text += f" {fell} fell to a lower level without a known cause. This does not prove that the risk is lower."
    return (
        Paragraph(text + (f" The first {MAX_CHANGES} are shown." if more > 0 else "")),
        Table(("Supplier", "Level then", "Level now"), tuple(rows), (50, 25, 25)),
    )


def _step_table(report: Report) -> Table | Paragraph:
    safety = [step for step in report.plan if step.safety]
    others = [step for step in report.plan if not step.safety]
    chosen = (*safety[:MAX_SAFETY], *others[:MAX_OTHER], *report.buyer_plan[:MAX_OWN])
    steps = sorted(chosen, key=_rank_by_due)
    if not steps:
        return Paragraph("The results do not call for any steps.")
    rows = [
        (step.title, _describe_owner(step), _join_names(step.names[:1], step.suppliers), format_due(step, report.on))
        for step in steps
    ]
    return Table(("What", "Who", "Where", "By when"), tuple(rows), (38, 15, 30, 17))


def _rank_by_due(step: Step) -> tuple[float, date]:
    hours = math.inf if step.within_hours is None else step.within_hours
    return hours, step.due or date.max


def _describe_owner(step: Step) -> str:
    return "We" if step.owner == "buyer" else OWNERS[step.owner]


def _describe_confidence(report: Report) -> tuple[str, ...]:
    total = len(report.results)
    thin = sum(headline.coverage < 0.5 for headline in report.results)
    who = f"All {total:,} suppliers" if 1 < thin == total else f"{thin:,} of {format_count(total, 'supplier')}"
    texts = [f"{who} answered fewer than half of the key questions."] * bool(thin)
    blanks = sum(headline.silent or headline.up_to for headline in report.results)
    if blanks:
        level_of = "level of 1 supplier is based" if blanks == 1 else f"levels of {blanks:,} suppliers are based"
        texts.append(f"The {level_of} mainly on questions left blank, not on findings.")
    if report.withheld:
        texts.append(report.withheld)
    if report.not_checked:
        titles = "; ".join(question.title.rstrip("?") for question in report.not_checked[:MAX_OPEN])
        texts.append(f"Least often asked: {titles}.")
    texts.append("The full report explains every result and names its sources.")
    return tuple(texts)


def format_due(step: Step, on: date) -> str:
    """Return when a step is due, seen from a day: "Within 24 hours of receiving this brief", "By 28 Nov 2026", "Overdue since
    28 Nov 2026" or "No date".
    """
    if step.within_hours is not None:
        return f"Within {step.within_hours:g} hours of receiving this brief"
    return _format_day(step.due, on) if step.due else "No date"


def _format_day(due: date, on: date) -> str:
    return f"{'Overdue since' if due < on else 'By'} {format_short_date(due)}"


def format_people(number: float) -> str:
    """Return a number of people with thousands separated; a small one only as "fewer than 10"."""
    if number == 0:
        return "not stated"
    return f"fewer than {SMALL_GROUP}" if number < SMALL_GROUP else f"{number:,.0f}"


def _sum_workers(headlines: Iterable[Headline]) -> float:
    return sum(headline.workers or 0.0 for headline in headlines)


def _name(headlines: Sequence[Headline]) -> str:
    return _join_names([headline.name or headline.reference for headline in headlines], len(headlines))


def _join_names(names: Sequence[str], total: int) -> str:
    """Return the first few names, and how many more there are."""
    if not total:  # our own practices
        return "–"
    shown = [_shorten(name) for name in names[:MAX_NAMES]]
    more = total - len(shown)
    if more > 0:
        return f"{', '.join(shown)} and {more:,} more" if shown else format_count(total, "supplier")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _shorten(name: str) -> str:
    if len(name) <= MAX_LETTERS:
        return name
    words = name[:MAX_LETTERS].rpartition(" ")[0]  # a whole word, unless that leaves too little
    return (words if len(words) > MAX_LETTERS / 2 else name[: MAX_LETTERS - 1]).rstrip(" (,;-") + "\u2026"


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def _uncapitalise(text: str) -> str:
    return text[:1].lower() + text[1:]
