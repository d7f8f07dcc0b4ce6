"""Define a report as plain data. It contains everything that a page shows, so nothing has to be looked up or calculated again.

Scores, points and confidence run from 0 to 100, shares and coverage from 0 to 1, risks `e` and `c` from 0 to 1.
All texts are plain text: no format interprets markup in them, whoever wrote them. Every sequence is in reading order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Level = Literal["critical", "high", "medium", "low", "insufficient_evidence"]
Audience = Literal["internal", "supplier"]
Priority = Literal["1", "2", "3a", "3b"]

LEVELS: tuple[Level, ...] = ("critical", "high", "medium", "low", "insufficient_evidence")
# The ending of a rule's title if the rule was triggered only by questions left blank.
CANNOT_BE_RULED_OUT = " (cannot be ruled out)"
CLOSED = "Closed"  # the status of a step that is done
LEVEL_TITLES: dict[Level, str] = {
    "critical": "Critical",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "insufficient_evidence": "Insufficient evidence",
}
# The three business priorities of the Bali Process forum; the third is split into its two halves (factbook BP-03, BP-04).
PRIORITIES: dict[Priority, str] = {
    "1": "Ethical employment",
    "2": "Transparency in supply chains",
    "3a": "Safeguards and redress mechanisms: safeguards",
    "3b": "Safeguards and redress mechanisms: redress",
}
# The groups of what a supplier can change, in the order in which they are read.
CHANGEABLE_GROUPS = ("finding", "unresolved", "other", "not_asked")
LEAST_POINTS = 0.05  # fewer points are shown as 0.0
DRAFT = "Draft – awaiting supplier response"
ASSESSED_FROM_OUTSIDE = "Assessed from outside – asking the supplier could put workers in danger"
WORDING = (
    "Nothing in this report is a verdict on any person or company. It reports indicators consistent with harm, and what "
    "has not been checked. A Low rating does not clear a supplier."
)


@dataclass(frozen=True, slots=True)
class Source:
    """A rule or publication, cited by its `id`: what it says and who published it. `caution`: set if the rule is our own."""

    id: str
    title: str
    publisher: str
    caution: str = ""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that the report is based on. `sha256` may be shortened; `rows` = `accepted` + `rejected`."""

    name: str
    sha256: str
    sheets: tuple[str, ...]
    rows: int
    accepted: int
    rejected: int


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """A released model, the number of results it scored, and the scores at which its levels start. `digest` may be shortened."""

    id: str
    version: str
    title: str
    digest: str
    results: int
    medium_from: float = 25.0
    high_from: float = 50.0
    critical_from: float = 75.0


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A question that was not asked for `unasked` out of `of` results whose model includes it."""

    title: str
    unasked: int
    of: int


@dataclass(frozen=True, slots=True)
class Headline:
    """The main figures of one result, for a site or an agency.

    `country` and `sector` are None if they are unknown (their titles then say so); `practice_points` and `practice_of` are None
    if nothing was asked. `level_text` begins with the level's title and explains it ("insufficient evidence, inherent high").
    `inherent` and `uplift` are None only in a supplier's copy. `row` is the row number in the spreadsheet, or 0 if it is omitted.
    `floors` are the titles of the rules that apply: first those triggered by something admitted, reported or found, then those
    that end in CANNOT_BE_RULED_OUT. `up_to`: only declined answers raise the score this high, so it is an upper bound and not a
    finding. `silent`: most of these rules were triggered only by unanswered questions, and the level would be lower without them.
    `evidence_claimed` and `evidence_confirmed`: the pieces of evidence in each state; None for readers who may not see evidence.
    `workers`: the number of people who work there, as the supplier states it; None if it is not stated. `state_imposed`: a state
    imposes the labour there, so that nothing is asked of the site or of its workers.
    """

    kind: Literal["site", "agency"]
    reference: str
    name: str
    country: str | None
    country_name: str
    sector: str | None
    sector_title: str
    model: str
    level: Level
    level_text: str
    score: float
    best: float
    worst: float
    inherent: float | None
    inherent_level: Level
    practice_points: float | None
    practice_of: float | None
    case_evidence: str
    coverage: float
    confidence: float
    uplift: float | None
    floors: tuple[str, ...]
    next_step: str
    file: str
    sheet: str
    row: int
    up_to: bool = False
    silent: bool = False
    evidence_claimed: int | None = None
    evidence_confirmed: int | None = None
    workers: float | None = None
    state_imposed: bool = False

    @property
    def place(self) -> str:
        """Return the location of the row in the upload as file/sheet/row; empty if it did not come from a file or is omitted."""
        return f"{self.file}/{self.sheet}/{self.row}" if self.file else ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a score: the `points` of a context fact, which are part of the base, or of an answer, which move the score.

    `year`: of the fact, or of the evidence for the answer. `from_workers`: the reason is based on what workers, a union, an NGO
    or an official reported, so it is never shown to a supplier. `workers`: the number of people concerned, if it is about a
    group. `evidence`: the best evidence for the answer and how much it counts; omitted from a supplier's copy. `harm`: the answer
    is a finding, admitted or reported, even if the inherent risk was already so high that it adds no points; `already_assumed`:
    it was reported, and adds none. `withheld`: never shown to a supplier, as the question is not for it.
    `open_context`: the supplier can change this context, by an answer or by the agencies it uses.
    `could_win`: the points that the best answer, confirmed by workers, would take off at most. `actions`:
    the ids of the actions that address it, whether or not they are in the plan.
    """

    kind: Literal["context", "answer"]
    title: str
    text: str
    state: str
    value: str
    points: float
    e: float | None = None
    c: float | None = None
    sources: tuple[str, ...] = ()
    year: int | None = None
    from_workers: bool = False
    workers: int | None = None
    evidence: str = ""
    harm: bool = False
    withheld: bool = False
    already_assumed: bool = False
    open_context: bool = False
    could_win: float = 0.0
    actions: tuple[str, ...] = ()

    @property
    def changeable(self) -> bool:
        """Return whether the supplier can change it; all else is a fact about its country, sector, law or listed goods."""
        return self.kind == "answer" or self.open_context

    @property
    def group(self) -> str:
        """Return the group of a reason that the supplier can change, one of CHANGEABLE_GROUPS."""
        if self.harm:
            return "finding"
        if self.state in ("declined", "expired"):
            return "unresolved"
        return "not_asked" if self.state == "not_asked" else "other"

    @property
    def full_text(self) -> str:
        """Return the reason in words, followed by its evidence."""
        return f"{self.text} {self.evidence}".rstrip()


@dataclass(frozen=True, slots=True)
class Floor:
    """A named rule that keeps the score at `at_least` or above, and a sentence that explains why it applies.

    `open`: the rule was triggered only by questions left blank, so what it describes was not found but cannot be ruled out.
    """

    title: str
    text: str
    at_least: float
    sources: tuple[str, ...] = ()
    from_workers: bool = False
    open: bool = False

    @property
    def full_title(self) -> str:
        """Return the title, followed by CANNOT_BE_RULED_OUT if the rule was triggered only by questions left blank."""
        return self.title + CANNOT_BE_RULED_OUT * self.open


@dataclass(frozen=True, slots=True)
class Step:
    """An action for one supplier (`suppliers` = 0) or, in the overall plan, for the number of `suppliers` it concerns.

    `within_hours` replaces `due` if hours matter; `due` is the earliest date for the suppliers concerned. `safety`: the action
    comes before all others. `names`: the first few suppliers concerned. `from_workers`: only case records, or what workers,
    unions, NGOs or officials reported, call for the action. `own_due` and `own_within_hours`: when it would be due without these
    reports (None if they make no difference). `status`: how far an agreed step has got; empty for one that is proposed.
    """

    action: str
    title: str
    do: str
    priority: Priority
    stage: Literal["acknowledge", "act", "advance"]
    owner: Literal["supplier", "agency", "buyer"]
    due: date | None
    within_hours: float | None
    safety: bool
    with_workers: str
    proof: str
    sources: tuple[str, ...] = ()
    suppliers: int = 0
    names: tuple[str, ...] = ()
    from_workers: bool = False
    own_due: date | None = None
    own_within_hours: float | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class BuyerFinding:
    """One of the buyer's own practices in one of its units; it never affects a supplier's score.

    `state`: "harm", "declined", "not_asked" or "answered" (no finding).
    """

    unit: str
    title: str
    text: str
    state: Literal["harm", "declined", "not_asked", "answered"]
    value: str
    actions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detail:
    """The explanation of one result. The points of all reasons plus `headline.uplift` add up to `headline.score`.

    `steadiness`: the probability (0..1) that the level stays the same with other reasonable weights; None if nothing was asked.
    `helps`: what the supplier can do, and `strengths`: its answers that lower the risk, both as sentences, in its own copy.
    `withheld`: the text that replaces steps that contact workers where no help is arranged for them yet, empty if there are none;
    `own_withheld`: the same without what others reported.
    """

    headline: Headline
    reasons: tuple[Reason, ...]
    floors: tuple[Floor, ...]
    steps: tuple[Step, ...]
    steadiness: float | None = None
    helps: tuple[str, ...] = ()
    strengths: tuple[str, ...] = ()
    withheld: str = ""
    own_withheld: str = ""

    @property
    def fixed(self) -> tuple[Reason, ...]:
        """Return the reasons that the supplier cannot change, in their order."""
        return tuple(reason for reason in self.reasons if not reason.changeable)

    @property
    def changeable(self) -> tuple[Reason, ...]:
        """Return the reasons that the supplier can change: findings, what cannot be ruled out, other answers, what was not asked.

        Within each of these, reports that add no points only because the place is rated as high without them come first, then
        what can be acted on: points can be won, then a step of the plan addresses it, then by the number of points.
        """
        steps = {step.action for step in self.steps}

        def get_order(reason: Reason) -> tuple[float, ...]:
            group = CHANGEABLE_GROUPS.index(reason.group)
            has_step = not steps.isdisjoint(reason.actions)
            is_won = reason.could_win < LEAST_POINTS, not has_step, -reason.could_win, -abs(reason.points)
            return group, not reason.already_assumed, *is_won

        return tuple(sorted((reason for reason in self.reasons if reason.changeable), key=get_order))

    @property
    def fixed_points(self) -> float:
        """Return the points of the reasons that the supplier cannot change."""
        return sum(reason.points for reason in self.fixed)

    @property
    def answer_points(self) -> float:
        """Return the points of the reasons that the supplier can change, without those of minimum-score rules."""
        return sum(reason.points for reason in self.changeable)

    @property
    def could_win(self) -> float:
        """Return the points that the best answers to every question, confirmed by workers, would take off at most."""
        return (self.headline.uplift or 0.0) + sum(reason.could_win for reason in self.reasons)

    @property
    def unanswered_note(self) -> str:
        """Return a sentence if unanswered questions, rather than known facts, keep the score up; otherwise an empty text."""
        blank = sum(floor.open for floor in self.floors)
        if not self.headline.silent or not blank:
            return ""
        are, these = ("is", "this rule") if blank == 1 else ("are", "these rules")
        rules = f"{blank} of {len(self.floors)} minimum-score rules {are} triggered only by questions left blank"
        return f"{rules}; without {these}, the level would be lower."

    @property
    def stable_weightings(self) -> int | None:
        """Return the number of alternative weightings, out of 100, that give the same level; None if it is unknown.

        The number is rounded down so that it never overstates stability, except where only a floating-point error keeps it below
        the next whole number.
        """
        return None if self.steadiness is None else int(100 * self.steadiness + 1e-6)

    @property
    def stability_text(self) -> str:
        """Return the stability of the level as a sentence; empty if it is unknown."""
        if self.stable_weightings is None:
            return ""
        return f"The level is the same in {self.stable_weightings} of 100 alternative weightings."


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the heat map (a country and a sector): its worst result, and the number of results.

    `known` states what `value` is: the score if practice is known, otherwise the inherent risk. `up_to` and `silent` mean the
    same as in `Headline`.
    """

    country: str | None
    country_name: str
    sector: str | None
    sector_title: str
    value: float
    level: Level
    known: Literal["practice", "inherent"]
    results: int
    up_to: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A country on the map (ISO 3166-1 alpha-2): its worst result and the number of results. Other fields are as in `Cell`."""

    country: str
    country_name: str
    value: float
    level: Level
    known: Literal["practice", "inherent"]
    results: int
    up_to: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class IssueLine:
    """A problem in an uploaded file and how to fix it, listed once for the `count` cells that have it.

    `message` describes the problem in general and is the same for every line with this `code`; `seen` and `cure` are specific to
    this line.
    """

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    file: str
    sheet: str
    cells: str
    header: str
    seen: str
    expected: str
    cure: str
    count: int


@dataclass(frozen=True, slots=True)
class Company:
    """A company with several sites: its worst site and the range of its scores, never an average."""

    name: str
    sites: int
    worst_level: Level
    worst_text: str
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case record: its subject, the group of workers, the strength of the evidence, and the result under the published rules.

    Case records are for internal readers only; a supplier's copy never contains them.
    """

    case: str
    about: str
    group: str
    strength: str
    findings: int
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A supplier that has moved from one level to another."""

    name: str
    before: Level
    now: Level


@dataclass(frozen=True, slots=True)
class Changes:
    """What has changed since a day: the suppliers that moved to another level, the worst now first, and how many were added.

    `unexplained`: how many fell to a lower level without a known cause.
    """

    since: date
    moved: tuple[LevelChange, ...]
    added: int
    unexplained: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """A figure over time: its name and a value for each day, None where it is not known. `level`: whose colour it has, if any."""

    title: str
    values: tuple[float | None, ...]
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """Figures over time that are shown in one chart. `stacked`: they add up to a total."""

    title: str
    note: str
    days: tuple[date, ...]
    series: tuple[Series, ...]
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """The figures of a group of steps on the latest day, and on the day that they are compared with, in the order of columns."""

    title: str
    latest: tuple[float | None, ...]
    compared: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How the portfolio has developed over the past year. `compared_on` is None if there are no earlier figures."""

    trends: tuple[Trend, ...]
    on: date
    compared_on: date | None
    columns: tuple[str, ...]
    groups: tuple[GroupFigures, ...]


@dataclass(frozen=True, slots=True)
class Logo:
    """The logo of an organisation, a PNG of some pixels. `text` is read out where it cannot be seen."""

    png: bytes
    width: int
    height: int
    text: str

    def fit(self, width: float, height: float) -> tuple[float, float]:
        """Return its width and height where there is room for this much, in the same unit; it is never stretched."""
        scale = min(width / self.width, height / self.height)
        return self.width * scale, self.height * scale


@dataclass(frozen=True, slots=True)
class ReportLanguage:
    """The language of a report: its code (BCP 47), its texts by their English, and whether somebody has confirmed all of them."""

    code: str = "en"
    texts: Mapping[str, str] = field(default_factory=dict)
    is_confirmed: bool = True

    def translate(self, english: str) -> str:
        """Return a text in the language; in English where there is no translation."""
        return self.texts.get(english, english)


@dataclass(frozen=True, slots=True)
class Report:
    """The content of a report on an assessment.

    `results` contains all results, worst first; `details` explains the worst few. `draft` is empty once the supplier has
    responded. `withheld` replaces steps that contact workers where no help is arranged for them yet; empty if there are none.
    `method` and `limits` are paragraphs. `sources` is the full register; each format lists only the sources that it cites.
    `sender`: the organisation whose report it is, with its `logo`; empty on the command line. `changes` is None if there is
    nothing to compare the results with. `progress`: only in an internal report on the whole portfolio.
    `exits`: the names of suppliers whose exit papers wait for a decision; never in a supplier's copy. `language`: of the texts
    that a scorecard has beside these.
    """

    title: str
    audience: Audience
    on: date
    engine: str
    facts_digest: str
    files: tuple[SourceFile, ...]
    models: tuple[ModelUsed, ...]
    results: Sequence[Headline]
    details: tuple[Detail, ...] = ()
    plan: tuple[Step, ...] = ()
    withheld: str = ""
    companies: tuple[Company, ...] = ()
    heat: tuple[Cell, ...] = ()
    places: tuple[Place, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    issues: tuple[IssueLine, ...] = ()
    method: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    buyer: tuple[BuyerFinding, ...] = ()
    buyer_plan: tuple[Step, ...] = ()
    cases: tuple[CaseLine, ...] = ()
    sources: tuple[Source, ...] = ()
    changes: Changes | None = None
    exits: tuple[str, ...] = ()
    progress: Progress | None = None
    sender: str = ""
    logo: Logo | None = None
    draft: str = DRAFT
    wording: str = WORDING
    language: ReportLanguage = field(default_factory=ReportLanguage)
