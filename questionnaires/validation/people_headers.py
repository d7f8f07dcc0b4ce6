"""Read headers that count people: "No. of female employees", "Workforce / Migrant", "Share of foreign labour".

Such a header is made of words for people, for a group of them, and for a number or a share (``people`` in ``lists/headers.toml``
and ``lists/header_words.csv``). If it has any other word, it is not read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from questionnaires.header_words import load_header_words
from questionnaires.text_normalize import list_tokens
from questionnaires.validation.run_together import UNSPACED, divide_word

MAX_WORDS = 10
LONGEST = 3  # words of one entry, such as "non national"
SHARES = {"workers_female": "female_pct", "workers_migrant": "migrant_pct"}  # what the share of a group answers
PARTS = ("part", "including")
COUNTS = ("count", "number", *PARTS, "share", "heads")
NOUNS = ("noun", "one", "heads")


class PeopleHeader(NamedTuple):
    """The question of a header about people, "" if none asks for them (men, or women who are migrants); ``is_bare``: whether it
    has nothing but the word for a group, such as "Female".
    """

    question: str
    is_bare: bool


def read_people_header(tokens: Sequence[str], *, is_share: bool) -> PeopleHeader | None:
    """Return what a header of some folded words asks about people; None if it has other words.

    ``is_share``: whether the header has a sign for per cent.
    """
    words = _divide_words(list(_divide_unspaced(tokens)))
    roles = [load_header_words().people[word] for word in words]
    named = [role for role in roles if role not in (*COUNTS, *NOUNS, "origin")]
    groups = {role: word for role, word in zip(roles, words, strict=True) if role not in (*COUNTS, *NOUNS, "origin")}
    if groups.keys() == {"permanent", "workers_temporary"} and not is_share:
        return PeopleHeader("workers_total", is_bare=False)
    if "origin" in roles:
        return PeopleHeader("worker_origin_countries", is_bare=False) if {*roles} & {*NOUNS, *groups} else None
    if "men" in groups or {"workers_female", "workers_migrant"} <= groups.keys():
        return PeopleHeader("", is_bare=False)
    has_noun = not {*NOUNS}.isdisjoint(roles) or len(named) > 1  # "Contract / temporary"
    if len(groups) > 1 or "permanent" in groups or not (groups or (has_noun and _is_counted_first(roles))):
        return None
    is_share = is_share or "share" in roles
    if not groups:
        is_total = not is_share and {"part"}.isdisjoint(roles) and not {"count", "number", "noun"}.isdisjoint(roles)
        return PeopleHeader("workers_total", is_bare=False) if is_total else None
    ((question, group),) = groups.items()
    if not has_noun and {*PARTS}.isdisjoint(roles) and group in load_header_words().adjectives:
        return None
    if is_share:
        return PeopleHeader(SHARES[question], is_bare=False) if question in SHARES else None
    return PeopleHeader(question, is_bare=set(roles) == {question} and len(named) == 1)


def counts_part(header: str) -> bool:
    """Return whether a header begins with words for some of those before ("of which", "dont")."""
    roles, tokens = load_header_words().people, list_tokens(header)
    return any(roles.get("".join(tokens[:n])) in PARTS for n in range(1, LONGEST + 1))


def _divide_unspaced(tokens: Sequence[str]) -> Iterator[str]:
    for token in tokens:
        yield from divide_word(token, load_header_words().people.__contains__) if UNSPACED.search(token) else [token]


def _divide_words(tokens: Sequence[str]) -> list[str]:
    """Return the words of a header about people, without those that say nothing; an empty list if one of them is not known."""
    roles = load_header_words().people
    found: list[str] = []
    begin = 0
    while begin < len(tokens) <= MAX_WORDS:
        ends = range(min(begin + LONGEST, len(tokens)), begin, -1)
        end = next((end for end in ends if "".join(tokens[begin:end]) in roles), None)
        if end is None:
            return []
        found.append("".join(tokens[begin:end]))
        begin = end
    return [word for word in found if roles[word] != "filler"]


def _is_counted_first(roles: Sequence[str]) -> bool:
    """Return whether "No." comes before the people: the "Staff no." is that of one of them."""
    people = [position for position, role in enumerate(roles) if role in NOUNS or role not in COUNTS]
    return "number" not in roles or roles.index("number") < people[0]
