"""List what would help a supplier, in its copy of a report: what it can do itself, and nothing that rests on what others said."""

from __future__ import annotations

from reports.document import Detail
from reports.short.scorecard import Words

MAX_TITLES = 5


def list_what_helps(
    detail: Detail, words: Words, *, documented: bool, place_open: bool, asked_all: bool
) -> tuple[str, ...]:
    """Return what would help a supplier whose result is explained by its own answers alone, as sentences; never empty.

    ``words``: of the language of the copy. ``documented``: labour imposed by a state is documented there; ``place_open``: it is
    in a region that was not given. ``asked_all``: it returned a form that asked it all that matters.
    """
    if documented:
        return (words.say("state_imposed"),)
    answers = [reason for reason in detail.reasons if reason.kind == "answer" and not reason.withheld]
    findings = [reason.title for reason in answers if reason.harm]
    sentences = []
    if detail.headline.country is None:
        sentences.append(words.say("tell_country"))
    if detail.headline.sector is None:
        sentences.append(words.say("tell_sector"))
    if place_open:
        sentences.append(words.say("tell_region"))
    if findings:
        sentences.append(words.say("agree", titles=words.join(findings, MAX_TITLES)))
    for state, key in (("declined", "answer_blank"), ("expired", "send_newer"), ("not_asked", "ask_rest")):
        titles = [reason.title for reason in answers if reason.state == state and not reason.harm]
        if titles and not (asked_all and state == "not_asked"):
            sentences.append(words.say(key, titles=words.join(titles, MAX_TITLES)))
    return (*sentences, words.say("send_evidence"))
