"""Build the scorecard of one site or agency: two pages that can be sent to it.

It rests on the supplier's copy, and therefore on the supplier's own answers and public facts alone (reports/redaction.py). It
shows how risky the place and trade are next to how the risk is managed, in words and without points.
"""

from reports.charts import FILLS, INK, INKS, QUIET, RULE, Drawing, Text, hatch_fill, hatch_patterns, rect
from reports.document import CLOSED, LEVEL_TITLES, Detail, Headline, Level, Reason, Report
from reports.formatting import format_count, format_share
from reports.short.brief import format_due
from reports.short.document import Block, Bullets, Paragraph, Picture, Section, ShortDocument, Table
from reports.view_model import OWNERS

REPLY_DAYS, REPLY_HOURS = (
    14,
    48,
)  # how long a supplier has to reply: method 4, section 9; hours where people's safety is concerned
MAX_STRENGTHS, MAX_FINDINGS, MAX_GAPS, MAX_STEPS = 5, 5, 6, 8
STEPS_OF_RISK: tuple[Level, ...] = ("low", "medium", "high", "critical")


def build(report: Report) -> ShortDocument:
    """Return the scorecard of the supplier whose copy is given. Raises ValueError for anything but the copy of one supplier."""
    if report.audience != "supplier" or len(report.details) != 1:
        raise ValueError("a scorecard is made from the supplier's copy of one result")
    (detail,) = report.details
    findings = [reason for reason in detail.changeable if reason.group == "finding"]
    gaps = [reason for reason in detail.changeable if reason.group in ("unresolved", "not_asked")]
    sections = (
        Section("Inherent and managed risk", _compare_risks(detail)),
        Section("Strengths", (_list_strengths(detail),)),
        Section("Findings", (_list_findings(findings),)),
        Section("What is not known", (_list_gaps(gaps),)),
        Section("Plan", _list_plan(detail)),
        Section("How to reply", (Bullets(_explain_reply(report, detail, has_findings=bool(findings))),)),
    )
    kind = "Scorecard of a site" if detail.headline.kind == "site" else "Scorecard of a recruitment agency"
    kind += f", sent by {report.sender}" if report.sender else ""
    headline = _state_headline(detail, findings, gaps)
    return ShortDocument(
        kind, report.title, headline, report.on, sections, report.draft, sender=report.sender, logo=report.logo
    )


def _state_headline(detail: Detail, findings: list[Reason], gaps: list[Reason]) -> str:
    urgent = [step for step in detail.steps if step.safety and step.status != CLOSED]
    if urgent:
        return f"First, keep people safe: {urgent[0].title[:1].lower()}{urgent[0].title[1:]}."
    if findings and detail.steps and all(step.status == CLOSED for step in detail.steps):
        return "Every step of the plan is closed. Keep the evidence for your answers up to date."
    if findings:
        answers = format_count(len(findings), "answer needs", "answers need")
        return f"{answers} action. Agree with your customer who does what by when."
    if gaps:
        questions = format_count(len(gaps), "question is", "questions are")
        return f"{questions} open. Answering them is the next step."
    return "Your answers raise no finding. Keep the evidence for them up to date."


def _compare_risks(detail: Detail) -> tuple[Block, ...]:
    headline = detail.headline
    place = f"{headline.country_name}, {headline.sector_title[:1].lower()}{headline.sector_title[1:]}"
    origin = f"It results from the country and the type of work ({place})."
    inherent = f"Inherent risk: {LEVEL_TITLES[headline.inherent_level]}. {origin}"
    return (
        Picture(draw_comparison("risks", headline)),
        Bullets(
            (
                f"{inherent} You cannot change it, and you are not asked to account for it.",
                f"Managed risk: {_describe_managed(headline)}",
            )
        ),
    )


def _describe_managed(headline: Headline) -> str:
    answered = f"You have answered {format_share(headline.coverage)} of the key questions."
    if headline.level == "insufficient_evidence":
        return f"not known yet. {answered} More answers are needed to say how you manage the risk."
    remains = "This is the risk that remains after taking into account your answers and the evidence for them."
    return f"{headline.level_text}. {remains} {answered}"


def draw_comparison(chart: str, headline: Headline) -> Drawing:
    """Return two columns of four steps from Low to Critical, one for the inherent and one for the managed risk."""
    columns: tuple[tuple[str, Level], ...] = (
        ("Inherent risk", headline.inherent_level),
        ("Managed risk", headline.level),
    )
    wide, high, left = 150.0, 22.0, 120.0
    parts: list[str | Text] = [hatch_patterns(chart)]
    for place, level in enumerate(reversed(STEPS_OF_RISK)):
        y = 24.0 + place * (high + 4)
        parts.append(Text(0, y + 15, LEVEL_TITLES[level], fill=QUIET))
        for column, (_, reached) in enumerate(columns):
            x = left + column * (wide + 20)
            if reached == "insufficient_evidence":
                parts.append(rect(x, y, wide, high, hatch_fill(chart, reached), edge=RULE))
            elif reached == level:
                parts += [
                    rect(x, y, wide, high, FILLS[level], edge=INK),
                    Text(x + wide / 2, y + 15, LEVEL_TITLES[level], fill=INKS[level], anchor="middle", bold=True),
                ]
            else:
                parts.append(rect(x, y, wide, high, "#f4f5f5"))
    for column, (title, reached) in enumerate(columns):
        x = left + column * (wide + 20) + wide / 2
        parts.append(Text(x, 14, title, anchor="middle", bold=True))
        if reached == "insufficient_evidence":
            parts.append(Text(x, 24 + 2 * (high + 4) + 2, "Not known yet", anchor="middle", bold=True, halo=True))
    described = "; ".join(
        f"{title} {'not known yet' if level == 'insufficient_evidence' else LEVEL_TITLES[level]}"
        for title, level in columns
    )
    return Drawing(chart, 440, 24 + 4 * (high + 4), "Inherent and managed risk", described, tuple(parts))


def _list_strengths(detail: Detail) -> Block:
    if not detail.strengths:
        return Paragraph("None of your answers lowers the risk yet. Answers supported by evidence can do so.")
    more = len(detail.strengths) - MAX_STRENGTHS
    lower = format_count(more, "further answer lowers", "further answers lower")
    return Bullets((*detail.strengths[:MAX_STRENGTHS], *([f"{lower} the risk as well."] if more > 0 else [])))


def _list_findings(findings: list[Reason]) -> Block:
    if not findings:
        return Paragraph("Your answers contain no finding.")
    rows = [(reason.title, reason.text) for reason in findings[:MAX_FINDINGS]]
    if len(findings) > MAX_FINDINGS:
        more = findings[MAX_FINDINGS:]
        rows.append((f"{len(more)} more", "; ".join(reason.title for reason in more)))
    return Table(("Finding", "Your answer"), tuple(rows), (32, 68))


def _list_gaps(gaps: list[Reason]) -> Block:
    if not gaps:
        return Paragraph("Every question has been answered.")
    blank = [reason.title for reason in gaps if reason.state == "declined"]
    expired = [reason.title for reason in gaps if reason.state == "expired"]
    unasked = [reason.title for reason in gaps if reason.state == "not_asked"]
    named = (("Left blank", blank), ("The evidence has expired", expired), ("Not asked yet", unasked))
    return Bullets(tuple(f"{title}: {_join(titles)}." for title, titles in named if titles))


def _join(titles: list[str]) -> str:
    more = len(titles) - MAX_GAPS
    return "; ".join(titles[:MAX_GAPS]) + (f"; and {more} more" if more > 0 else "")


def _list_plan(detail: Detail) -> tuple[Block, ...]:
    if not detail.steps:
        return (Paragraph("Your answers do not call for a corrective action. This would help:"), Bullets(detail.helps))
    owner = "agency" if detail.headline.kind == "agency" else "supplier"
    rows = [
        (
            step.title,
            OWNERS[owner if step.owner == "supplier" else step.owner],
            format_due(step),
            step.status or "Proposed",
        )
        for step in detail.steps[:MAX_STEPS]
    ]
    withheld = (Paragraph(detail.withheld),) if detail.withheld else ()
    more = len(detail.steps) - MAX_STEPS
    table = Table(("Step", "Who", "By when", "Status"), tuple(rows), (45, 19, 17, 19))
    if more <= 0:
        return (table, *withheld)
    return (
        table,
        Paragraph(f"The supplier's copy of the report lists {format_count(more, 'further step')}."),
        *withheld,
    )


def _explain_reply(report: Report, detail: Detail, *, has_findings: bool) -> tuple[str, ...]:
    customer, has_replied = report.sender or "your customer", not report.draft
    days = f"Please reply to {customer} within {REPLY_DAYS} days of receiving this scorecard"
    if any(step.safety and step.status != CLOSED for step in detail.steps):
        days += f", and within {REPLY_HOURS} hours about the steps that keep people safe"
    if has_replied:
        days = f"If anything here is wrong or has changed, write to {customer} at any time"
    texts = [
        f"{days}.",
        "Say what is correct and what is not, and send evidence with its date. A corrected answer leads to a new assessment.",
        "Propose a date for each step, and say what you cannot do alone and who should share the cost.",
    ]
    if has_findings:
        texts.append("A finding that you report yourself and put right never leaves you worse off than a blank answer.")
    texts.append("Do not send names or identity papers of workers.")
    return tuple(texts)
