"""List what would help a supplier, in its copy of a report: what it can do itself, and nothing that rests on what others said."""

from __future__ import annotations

from collections.abc import Iterable

from reports.document import Detail, Reason

MAX_TITLES = 5


def list_what_helps(detail: Detail, *, documented: bool, place_open: bool, asked_all: bool) -> tuple[str, ...]:
    """Return what would help a supplier whose result is explained by its own answers alone, as sentences; never empty.

    ``documented``: labour imposed by a state is documented there; ``place_open``: it is in a region that was not given.
    ``asked_all``: it returned a form that asked it all that matters.
    """
    answers = [reason for reason in detail.reasons if reason.kind == "answer" and not reason.withheld]
    findings = [reason for reason in answers if reason.harm]
    sentences = []
    if documented:
        sentences.append(
            "State-imposed labour is documented for this place, for these goods or for the state that sends the workers. No "
            "answer or evidence from the site lowers this risk, so nobody on site has to answer questions about it."
        )
    if documented:
        return tuple(sentences)
    for question, text in ((detail.headline.country, "country"), (detail.headline.sector, "sector")):
        if question is None:
            sentences.append(f"Tell your customer which {text} the work is done in.")
    if place_open:
        sentences.append("Tell your customer which region the work is done in.")
    if findings:
        sentences.append(
            "Agree with your customer who will correct these findings and by when, and start with the steps that keep people "
            f"safe: {_join_titles(findings)}."
        )
    for state, text in (
        ("declined", "Answer the questions that were left blank"),
        ("expired", "Send newer answers and evidence, because these have expired"),
        ("not_asked", "Ask your customer for the questionnaire and answer the remaining questions"),
    ):
        reasons = [reason for reason in answers if reason.state == state and not reason.harm]
        if reasons and not (asked_all and state == "not_asked"):
            sentences.append(f"{text}: {_join_titles(reasons)}.")
    sentences.append(
        "Send evidence for your answers, with its date. An audit, or a finding by an authority, counts for more than your own "
        "statement."
    )
    return tuple(sentences)


def _join_titles(reasons: Iterable[Reason]) -> str:
    titles = [reason.title for reason in reasons]
    more = len(titles) - MAX_TITLES
    listed = "; ".join(titles[:MAX_TITLES])
    return f"{listed}; and {more} more" if more > 0 else listed
