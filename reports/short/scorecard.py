"""Build the scorecard of one site or agency: two pages that can be sent to it, in its language.

It rests on the supplier's copy, and therefore on the supplier's own answers and public facts alone (reports/redaction.py). It
shows how risky the place and trade are next to how the risk is managed, in words and without points. Texts: ``scorecard.toml``.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel import Locale, dates

from reports.charts import FILLS, INK, INKS, QUIET, RULE, Drawing, Text, hatch_fill, hatch_patterns, rect
from reports.document import CLOSED, Detail, Headline, Level, Reason, Report, ReportLanguage, Step
from reports.formatting import format_share, format_short_date
from reports.short.document import Block, Bullets, Paragraph, Picture, Section, ShortDocument, Table

REPLY_DAYS, REPLY_HOURS = (
    14,
    48,
)  # how long a supplier has to reply: method 4, section 9; hours where people's safety is concerned
MAX_STRENGTHS, MAX_FINDINGS, MAX_GAPS, MAX_STEPS = 5, 5, 6, 8
STEPS_OF_RISK: tuple[Level, ...] = ("low", "medium", "high", "critical")


@cache
def load_scorecard_texts() -> Mapping[str, Mapping[str, str]]:
    """Load the English texts of a scorecard, by their part and key."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


class Words:
    """The texts of a scorecard in one language."""

    def __init__(self, language: ReportLanguage) -> None:
        self.language = language

    def say(self, key: str, **values: object) -> str:
        """Return a text with its placeholders filled in."""
        return self.get("text", key).format(**values)

    def count(self, key: str, count: int) -> str:
        """Return a text about a number of things."""
        return self.say(f"{key}_one" if count == 1 else key, count=f"{count:,}")

    def get(self, part: str, key: str) -> str:
        """Return a text of a part of the texts as it is."""
        return self.language.translate(load_scorecard_texts()[part][key])

    def join(self, titles: list[str], most: int) -> str:
        """Return some titles in one line, and how many there are beside them."""
        listed, more = "; ".join(titles[:most]), len(titles) - most
        return self.say("and_more", titles=listed, count=more) if more > 0 else listed

    def format_day(self, step: Step) -> str:
        """Return when a step is due, with the day as the Unicode CLDR writes it in the language."""
        if step.within_hours is not None:
            return self.say("within_hours", hours=f"{step.within_hours:g}")
        if step.due is None:
            return self.say("no_date")
        if self.language.code == "en":
            return self.say("by_day", day=format_short_date(step.due))
        return self.say("by_day", day=dates.format_date(step.due, "medium", Locale.parse(self.language.code, sep="-")))


def build(report: Report) -> ShortDocument:
    """Return the scorecard of the supplier whose copy is given, in the language of the copy.

    Raises ValueError for anything but the copy of one supplier.
    """
    if report.audience != "supplier" or len(report.details) != 1:
        raise ValueError("a scorecard is made from the supplier's copy of one result")
    (detail,) = report.details
    words, language = Words(report.language), report.language
    findings = [reason for reason in detail.changeable if reason.group == "finding"]
    gaps = [reason for reason in detail.changeable if reason.group in ("unresolved", "not_asked")]
    sections = (
        Section(words.say("risks"), _compare_risks(detail, words)),
        Section(words.say("strengths"), (_list_strengths(detail, words),)),
        Section(words.say("findings"), (_list_findings(findings, words),)),
        Section(words.say("gaps"), (_list_gaps(gaps, words),)),
        Section(words.say("plan"), _list_plan(detail, words)),
        Section(words.say("reply"), (Bullets(_explain_reply(report, detail, words, has_findings=bool(findings))),)),
    )
    kind = words.say("site" if detail.headline.kind == "site" else "agency")
    if report.sender:
        kind = words.say("sent_by", kind=kind, sender=report.sender)
    return ShortDocument(
        kind,
        report.title,
        _state_headline(detail, findings, gaps, words),
        report.on,
        sections,
        language.translate(report.draft),
        words.say("wording") if language.is_confirmed else f"{words.say('wording')} {words.say('machine')}",
        language.code,
        report.sender,
        report.logo,
    )


def _state_headline(detail: Detail, findings: list[Reason], gaps: list[Reason], words: Words) -> str:
    urgent = [step for step in detail.steps if step.safety and step.status != CLOSED]
    if urgent:
        return words.say("urgent", step=f"{urgent[0].title[:1].lower()}{urgent[0].title[1:]}")
    if findings and detail.steps and all(step.status == CLOSED for step in detail.steps):
        return words.say("all_closed")
    if findings:
        return words.count("needs_action", len(findings))
    return words.count("open", len(gaps)) if gaps else words.say("no_finding")


def _compare_risks(detail: Detail, words: Words) -> tuple[Block, ...]:
    headline = detail.headline
    country = headline.country_name if headline.country else words.say("country_unknown")
    sector = headline.sector_title if headline.sector else words.say("sector_unknown")
    place = f"{country}, {sector[:1].lower()}{sector[1:]}"
    level = words.get("level", headline.inherent_level)
    return (
        Picture(draw_comparison("risks", headline, words)),
        Bullets((words.say("inherent_says", level=level, place=place), _describe_managed(headline, words))),
    )


def _describe_managed(headline: Headline, words: Words) -> str:
    share = format_share(headline.coverage)
    if headline.level == "insufficient_evidence":
        return words.say("managed_unknown", share=share)
    level = words.get("level", headline.level)
    if headline.up_to:
        level = words.say("up_to", level=level)
    elif headline.silent:
        level = words.say("silent", level=level)
    return words.say("managed_says", level=level, share=share)


def draw_comparison(chart: str, headline: Headline, words: Words) -> Drawing:
    """Return two columns of four steps from Low to Critical, one for the inherent and one for the managed risk."""
    titles: dict[Level, str] = {level: words.get("level", level) for level in STEPS_OF_RISK}
    columns: tuple[tuple[str, Level], ...] = (
        (words.say("inherent"), headline.inherent_level),
        (words.say("managed"), headline.level),
    )
    wide, high, left = 150.0, 22.0, 120.0
    parts: list[str | Text] = [hatch_patterns(chart)]
    for place, level in enumerate(reversed(STEPS_OF_RISK)):
        y = 24.0 + place * (high + 4)
        parts.append(Text(0, y + 15, titles[level], fill=QUIET))
        for column, (_, reached) in enumerate(columns):
            x = left + column * (wide + 20)
            if reached == "insufficient_evidence":
                parts.append(rect(x, y, wide, high, hatch_fill(chart, reached), edge=RULE))
            elif reached == level:
                parts += [
                    rect(x, y, wide, high, FILLS[level], edge=INK),
                    Text(x + wide / 2, y + 15, titles[level], fill=INKS[level], anchor="middle", bold=True),
                ]
            else:
                parts.append(rect(x, y, wide, high, "#f4f5f5"))
    for column, (title, reached) in enumerate(columns):
        x = left + column * (wide + 20) + wide / 2
        parts.append(Text(x, 14, title, anchor="middle", bold=True))
        if reached == "insufficient_evidence":
            parts.append(
                Text(x, 24 + 2 * (high + 4) + 2, words.say("not_known_yet"), anchor="middle", bold=True, halo=True)
            )
    described = "; ".join(f"{title} {titles.get(level) or words.say('not_known')}" for title, level in columns)
    return Drawing(chart, 440, 24 + 4 * (high + 4), words.say("risks"), described, tuple(parts))


def _list_strengths(detail: Detail, words: Words) -> Block:
    if not detail.strengths:
        return Paragraph(words.say("no_strength"))
    more = len(detail.strengths) - MAX_STRENGTHS
    return Bullets((*detail.strengths[:MAX_STRENGTHS], *([words.count("more_strengths", more)] if more > 0 else [])))


def _list_findings(findings: list[Reason], words: Words) -> Block:
    if not findings:
        return Paragraph(words.say("none_found"))
    rows = [(reason.title, reason.text) for reason in findings[:MAX_FINDINGS]]
    if more := findings[MAX_FINDINGS:]:
        rows.append((words.say("more", count=len(more)), "; ".join(reason.title for reason in more)))
    return Table((words.say("finding"), words.say("your_answer")), tuple(rows), (32, 68))


def _list_gaps(gaps: list[Reason], words: Words) -> Block:
    if not gaps:
        return Paragraph(words.say("no_gap"))
    named = [
        (key, [reason.title for reason in gaps if reason.state == state])
        for key, state in (("left_blank", "declined"), ("expired", "expired"), ("not_asked", "not_asked"))
    ]
    return Bullets(tuple(words.say(key, titles=words.join(titles, MAX_GAPS)) for key, titles in named if titles))


def _list_plan(detail: Detail, words: Words) -> tuple[Block, ...]:
    if not detail.steps:
        return (Paragraph(words.say("no_step")), Bullets(detail.helps))
    owner = "agency" if detail.headline.kind == "agency" else "supplier"
    rows = [
        (
            step.title,
            words.get("owner", owner if step.owner == "supplier" else step.owner),
            words.format_day(step),
            words.get("status", step.status),
        )
        for step in detail.steps[:MAX_STEPS]
    ]
    withheld = (Paragraph(detail.withheld),) if detail.withheld else ()
    more = len(detail.steps) - MAX_STEPS
    header = tuple(map(words.say, ("step", "who", "by_when", "status")))
    table = Table(header, tuple(rows), (45, 19, 17, 19))
    return (table, *([Paragraph(words.count("more_steps", more))] if more > 0 else []), *withheld)


def _explain_reply(report: Report, detail: Detail, words: Words, *, has_findings: bool) -> tuple[str, ...]:
    key = "reply_within" if report.draft else "has_replied"
    if report.draft and any(step.safety and step.status != CLOSED for step in detail.steps):
        key = "reply_at_once"
    customer = report.sender or words.say("your_customer")
    texts = [
        words.say(key, customer=customer, days=REPLY_DAYS, hours=REPLY_HOURS),
        words.say("correct"),
        words.say("propose"),
    ]
    if has_findings:
        texts.append(words.say("put_right"))
    return (*texts, words.say("no_names"))
