"""A report as plain data: everything a page shows, so that nothing has to be looked up or calculated again.

Scores, points and confidence run from 0 to 100, shares and coverage from 0 to 1, risks `e` and `c` from 0 to 1.
Texts are plain text: no markup in any format, whoever wrote them. Every sequence is in the order in which it is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

Level = Literal["critical", "high", "medium", "low", "insufficient_evidence"]
Audience = Literal["internal", "supplier"]
Priority = Literal["1", "2", "3a", "3b"]

LEVELS: tuple[Level, ...] = ("critical", "high", "medium", "low", "insufficient_evidence")
# How the title of a rule ends where only questions that were left blank reached it.
CANNOT_BE_RULED_OUT = " (cannot be ruled out)"
LEVEL_TITLES: dict[Level, str] = {
    "critical": "Critical",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
    "insufficient_evidence": "Insufficient evidence",
}
# The three business priorities of the Bali Process forum; the third is set in its two halves (factbook BP-03, BP-04).
PRIORITIES: dict[Priority, str] = {
    "1": "Ethical employment",
    "2": "Transparency in supply chains",
    "3a": "Safeguards and redress mechanisms: safeguards",
    "3b": "Safeguards and redress mechanisms: redress",
}
DRAFT = "Draft – awaiting supplier response"
WORDING = (
    "Nothing in this report is a verdict on any person or company. It reports indicators consistent with harm, and what "
    "has not been checked. A Low rating is not a clearance."
)


@dataclass(frozen=True, slots=True)
class Source:
    """A rule or publication that is cited by its `id`: what it says and whose it is; `caution` where it is our own."""

    id: str
    title: str
    publisher: str
    caution: str = ""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file the report was made from; `sha256` may be shortened, `rows` = `accepted` + `rejected`."""

    name: str
    sha256: str
    sheets: tuple[str, ...]
    rows: int
    accepted: int
    rejected: int


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """A released model, how many results it scored, and the scores its levels start from; `digest` may be shortened."""

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
    """A question that was not asked in `unasked` of the `of` results whose model asks it."""

    title: str
    unasked: int
    of: int


@dataclass(frozen=True, slots=True)
class Headline:
    """One result in one line: a site or an agency.

    `country` and `sector` are None where they are unknown (their titles then say so), `practice_points` and
    `practice_of` where nothing was asked. `level_text` begins with the level's title and words it for readers
    ("insufficient evidence, inherent high"). `inherent` and `uplift` are None only in a supplier's copy. `row` counts
    as the spreadsheet does, and is 0 where it is left out. `floors` are the titles of the rules that reached: first those that
    rest on something admitted, reported or found, then those that end in CANNOT_BE_RULED_OUT. `up_to`: declined answers alone
    lift the score this high, so it is a bound and no finding. `silent`: most of these rules rest on unanswered questions alone,
    without which the level would be lower.
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

    @property
    def place(self) -> str:
        """Return where the row is in what was uploaded, as file/sheet/row; empty where it came in no file or that is left out."""
        return f"{self.file}/{self.sheet}/{self.row}" if self.file else ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a score is what it is: `points` of a fact of the context (part of the base) or of an answer (moves it).

    `year` is that of the fact or of the answer's evidence. `from_workers`: it rests on what workers, a union, an NGO or
    an official reported, so a supplier never sees it. `workers`: how many people it speaks of, where it is about a group.
    `evidence`: the best piece of evidence behind an answer, and what it counts; no supplier's copy has it. `harm`: the
    answer is a finding, admitted or reported, also where the place was thought so bad that it adds no point.
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

    @property
    def full_text(self) -> str:
        """Return the reason in words, and the evidence behind it."""
        return f"{self.text} {self.evidence}".rstrip()


@dataclass(frozen=True, slots=True)
class Floor:
    """A named rule that holds the score at `at_least` or above, and the sentence that says why it acts.

    `open`: only questions that were left blank reached it, so what it names cannot be ruled out, and was not found.
    """

    title: str
    text: str
    at_least: float
    sources: tuple[str, ...] = ()
    from_workers: bool = False
    open: bool = False

    @property
    def full_title(self) -> str:
        """Return the title, and after it CANNOT_BE_RULED_OUT where the rule was not found to hold."""
        return self.title + CANNOT_BE_RULED_OUT * self.open


@dataclass(frozen=True, slots=True)
class Step:
    """An action, for one supplier (`suppliers` = 0) or, in the plan, for the `suppliers` it concerns.

    `within_hours` is used instead of `due` where hours count; `due` is the earliest date over the suppliers concerned.
    `safety` comes before everything. `names` are the first few concerned. `from_workers`: only what workers, unions, NGOs or
    officials reported calls for it, or case records do; `own_due` and `own_within_hours`: when it would be due without them
    (None where they change nothing).
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


@dataclass(frozen=True, slots=True)
class BuyerFinding:
    """One practice of the buyer itself, in one of its units. `state` is "harm", "declined", "not_asked" or "answered", the
    last being no finding. It never touches the score of a supplier.
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
    """One result explained. Points of all reasons + `headline.uplift` = `headline.score`.

    `steadiness`: how likely the level stays under other reasonable weights, 0..1; None where nothing was asked.
    """

    headline: Headline
    reasons: tuple[Reason, ...]
    floors: tuple[Floor, ...]
    steps: tuple[Step, ...]
    steadiness: float | None = None

    @property
    def unanswered_note(self) -> str:
        """Return a sentence where unanswered questions rather than what is known hold the score up; empty elsewhere."""
        blank = sum(floor.open for floor in self.floors)
        if not self.headline.silent or not blank:
            return ""
        rest, them = ("rests", "it") if blank == 1 else ("rest", "them")
        rules = f"{blank} of {len(self.floors)} minimum-score rules {rest} on questions left blank"
        return f"{rules}; without {them} the level would be lower."

    @property
    def stable_weightings(self) -> int | None:
        """Return in how many of 100 alternative weightings the level stays the same; None where that is unknown.

        It is rounded down, so that it never promises more; the last bits of a sum of probabilities are no reason to round.
        """
        return None if self.steadiness is None else int(100 * self.steadiness + 1e-6)

    @property
    def stability_text(self) -> str:
        """Return the stability of the level as a sentence; empty where it is unknown."""
        if self.stable_weightings is None:
            return ""
        return f"The level is the same in {self.stable_weightings} of 100 alternative weightings."


@dataclass(frozen=True, slots=True)
class Cell:
    """A country and a sector in the heat map: its worst result, and of how many.

    `known` tells what `value` is: the score where practice is known, the inherent risk where it is not; `up_to` that the score
    is a bound, `silent` that most of what holds it up are blanks, as in `Headline`.
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
    """A country on the map (ISO 3166-1 alpha-2): its worst result, and of how many. `known` and what follows as in `Cell`."""

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
    """A fault in what was uploaded, once for the `count` cells it was found in, with its cure.

    `message` says what is wrong in general, alike for every line of one `code`; `seen` and `cure` are of this line.
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
    """Sites of one company: the worst of them, and the spread of their scores; never an average."""

    name: str
    sites: int
    worst_level: Level
    worst_text: str
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case record: what it is about, who the group is, how strong the evidence, and what the published rules read in it.

    For internal readers only: a supplier's copy holds none.
    """

    case: str
    about: str
    group: str
    strength: str
    findings: int
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """An assessment as a reader meets it.

    `results` are all of them, worst first; `details` explains the worst few. `draft` is empty once the supplier has
    responded. `method` and `limits` are paragraphs. `sources` is the register: a format lists those of it that it cites.
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
    draft: str = DRAFT
    wording: str = WORDING
