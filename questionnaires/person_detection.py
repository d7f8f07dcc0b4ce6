"""Detect personal data in a text: a name, a telephone number, an identity document, a date of birth, an e-mail address; and
phrases that single out one person without naming anyone. The words and patterns are data (``lists/people.toml``).

What it cannot detect: a name that is in no list, has no title and is in a column whose header says nothing; most names of two
or three characters in Chinese, Korean and Japanese without a title; names all in small letters. What it may detect wrongly: a
place or product named after a person.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from questionnaires.lookups import LISTS_DIR, load_common_words, load_countries
from questionnaires.text_normalize import fold_text, list_tokens, reveal_text

NUMBER_KINDS = ("identity_number", "phone")
PERSON_CODES = ("person.birth_date", "person.email", "person.phone", "person.identity_number", "person.name")
MASK = "•••"  # shown in place of a text that looks like personal data
MAX_NAME_WORDS, MAX_NAME = 5, 60  # words and characters
MAX_ROLE_WORDS = 3
UNSPACED_FROM = "\u0e00"  # Thai, and the scripts after it whose words are not divided by blanks
CONNECTING_WORDS = ("of", "and", "de", "del", "da", "do", "dos", "la", "el", "al", "bin", "van", "von")
WORD = re.compile(r"[^\W\d_]+(?:[’'\-][^\W\d_]+)*(?:/[a-z](?![^\W_]))?|\S", re.UNICODE)
PLAIN_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class _PersonWords:
    """``lists/people.toml``, folded and compiled."""

    columns: tuple[tuple[str, frozenset[str], tuple[str, ...]], ...]
    titles: frozenset[str]
    sure_titles: frozenset[str]  # titles in small letters too, before a name in small letters
    weak_titles: frozenset[str]
    cues: tuple[re.Pattern[str], ...]
    names: frozenset[str]
    not_names: frozenset[str]
    abbreviations: frozenset[str]  # what a full stop may follow inside a name: "Mr.", "St."
    company_words: frozenset[str]
    roles: frozenset[str]  # of persons, in headers: "Auditor", "Filled in by"
    places: tuple[str, ...]
    patterns: Mapping[str, tuple[re.Pattern[str], ...]]
    money: re.Pattern[str]
    not_numbers: re.Pattern[str]  # of persons: dates, and identifiers of records


@cache
def _load_words() -> _PersonWords:
    data: dict[str, Any] = tomllib.loads((LISTS_DIR / "people.toml").read_text(encoding="utf-8"))
    words = data["words"]
    return _PersonWords(
        columns=tuple(
            (column["code"], frozenset(map(fold_text, column["is"])), tuple(map(fold_text, column["holds"])))
            for column in data["column"]
        ),
        titles=frozenset(map(fold_text, words["title"])),
        sure_titles=frozenset(map(fold_text, words["sure_title"])),
        weak_titles=frozenset(map(fold_text, words["weak_title"])),
        cues=tuple(
            re.compile(rf"(?<!\w){re.escape(cue.casefold())}(?!\w)[\s:]+([^\W\d_]+)", re.IGNORECASE)
            for cue in words["cue"]
        ),
        names=frozenset(map(fold_text, data["names"]["latin"])),
        not_names=frozenset(map(fold_text, (*words["place"], *words["firm"]))),
        abbreviations=frozenset(
            map(fold_text, (*words["title"], *words["weak_title"], *words["place"], *words["firm"]))
        ),
        company_words=frozenset(map(fold_text, words["firm"])),
        roles=frozenset(map(fold_text, data["roles"]["words"])),
        places=tuple(place.casefold() for place in words["places"]),
        patterns={
            kind: tuple(map(re.compile, data["patterns"][kind]))
            for kind in ("birth_date", "email", "phone", "identity_number", "name", "one_person")
        },
        money=re.compile(data["patterns"]["money"]),
        not_numbers=re.compile(f"{data['patterns']['date']}|{data['patterns']['uuid']}"),
    )


def detect_personal_data(text: str, *, company_name: bool = False, reference: bool = False) -> str | None:
    """Return the issue code of the personal data in a text (one of PERSON_CODES); None if none is detected.

    ``company_name``: the text is the name of a site or agency, which may be a person's name; ``reference``: it is a number of
    one.
    """
    found = (_detect_in_text(variant, company_name, reference) for variant in reveal_text(text))
    return next((code for code in found if code), None)


def singles_out_a_person(text: str) -> bool:
    """Return whether a text contains a phrase that points to one person of a group, such as a bed or "the only ..."."""
    patterns = _load_words().patterns["one_person"]
    return any(pattern.search(variant) for variant in reveal_text(text) for pattern in patterns)


def _detect_in_text(text: str, company_name: bool, reference: bool) -> str | None:
    words = _load_words()
    unnumbered = words.not_numbers.sub(lambda match: " " * len(match[0]), text)
    for code in PERSON_CODES:
        kind = code.removeprefix("person.")
        searched = text if kind == "birth_date" else unnumbered
        for match in (match for pattern in words.patterns[kind] for match in pattern.finditer(searched)):
            is_allowed = reference and _may_be_company_number(match[0], kind)
            if not is_allowed and not _is_money(match, unnumbered, kind):
                return code
    return "person.name" if not reference and _contains_name(unnumbered, company_name) else None


def _may_be_company_number(text: str, kind: str) -> bool:
    """Return whether a match may be the number of a site or agency: those can be long, but have no country prefix."""
    return kind == "identity_number" or (kind == "phone" and text[0] in "0(" and not text.startswith("00"))


def _is_money(match: re.Match[str], text: str, kind: str) -> bool:
    """Return whether a matched number is an amount of money."""
    context = text[max(0, match.start() - 10) : match.start()] + " " + text[match.end() : match.end() + 10]
    return kind in NUMBER_KINDS and bool(_load_words().money.search(context) or _load_words().money.match(match[0]))


def _contains_name(text: str, company_name: bool) -> bool:
    """Return whether a text contains a name: a title or a cue before a capitalised word, or a known name."""
    words = _load_words()
    text = _blank_places(text, words.places)
    for run in _split_runs(text):
        keys = [fold_text(word) for word in run]
        is_company = any(key in words.company_words for key in keys)
        for index, (word, following) in enumerate(zip(run, run[1:], strict=False)):
            is_title = keys[index] in words.titles and word[0].isupper() and following[0].isupper()
            has_title = is_title or (keys[index] in words.sure_titles and len(following) > 1)
            if has_title and not is_company and keys[index + 1] not in words.not_names:
                return True
        if not company_name and _has_known_name(run, keys):
            return True
    return not company_name and _follows_cue(text)


def _blank_places(text: str, places: Sequence[str]) -> str:
    """Return a text with blanks in place of the names of places that contain names of persons."""
    folded = text.casefold()
    if len(folded) != len(text):  # its positions are not those of the text
        return text
    for place in places:
        while (start := folded.find(place)) >= 0:
            end = start + len(place)
            folded, text = (f"{one[:start]}{' ' * len(place)}{one[end:]}" for one in (folded, text))
    return text


def is_certainly_name(text: str) -> bool:
    """Return whether a text contains a name that cannot be another word: after a title, or two names side by side."""
    names, runs = _load_words().names, [[fold_text(word) for word in run] for run in _split_runs(text)]
    has_two_names = any(a in names and b in names for run in runs for a, b in pairwise(run))
    return _contains_name(text, company_name=True) or has_two_names


def has_company_word(text: str) -> bool:
    """Return whether a text contains a word that companies have in their names, such as "Ltd" or "Factory"."""
    return any(fold_text(word) in _load_words().company_words for run in _split_runs(text) for word in run)


def has_legal_form(text: str) -> bool:
    """Return whether a text is a name with a legal form: "Alder Fishing Co., Ltd"; not a code, such as "AG-0516"."""
    forms = load_common_words().legal_forms
    words = [fold_text(word) for word in PLAIN_WORD.findall(text.replace(".", ""))]
    has_form = len(words) > 1 and (words[-1] in forms or words[0] in forms)
    if has_form and any(len(word) > 1 and not any(map(str.isdigit, word)) and word not in forms for word in words):
        return True
    return any(len(form) > 1 and not form.isascii() and form in text.replace(" ", "") for form in forms)


def _has_known_name(run: Sequence[str], keys: Sequence[str]) -> bool:
    """Return whether a run of words contains a known name that is not part of the name of a place or company."""
    words = _load_words()
    for begin, end in _find_capitalised_groups(run):
        around = keys[max(begin - 1, 0) : end + 1]
        if not words.not_names.intersection(around) and words.names.intersection(keys[begin:end]):
            return True
    if words.not_names.intersection(keys):
        return False
    has_two_names = any(a in words.names and b in words.names for a, b in pairwise(keys))
    follows_title = 3 <= len(run) <= 4 and keys[0] in words.weak_titles and all(word[0].isupper() for word in run)
    return has_two_names or follows_title


def _find_capitalised_groups(run: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where the groups of capitalised words in a run begin and end: "told by Ram Bahadur at Samut Sakhon" has two."""
    begin = None
    for position, word in enumerate([*run, ""]):
        if word[:1].isupper():
            begin = position if begin is None else begin
        elif begin is not None and word not in CONNECTING_WORDS:
            yield begin, position
            begin = None


def _split_runs(text: str) -> Iterator[list[str]]:
    """Yield runs of adjacent words; punctuation separates them, except the full stop of a title or an initial."""
    run: list[str] = []
    for match in WORD.finditer(text):
        word = match[0]
        if word[0].isalpha():
            run.append(word)
        elif word == "." and run and (len(run[-1]) == 1 or fold_text(run[-1]) in _load_words().abbreviations):
            continue
        elif run:
            yield run
            run = []
    if run:
        yield run


def _follows_cue(text: str) -> bool:
    """Return whether a capitalised word follows a cue that announces a name: "named Xan", "s/o Bir"."""
    words = _load_words()
    for cue in words.cues:
        for match in cue.finditer(text):
            word = match[1]
            if word[0].isupper() and fold_text(word) not in words.not_names and load_countries().find(word) is None:
                return True
    return False


def detect_personal_column(header: str) -> str | None:
    """Return the issue code if a header announces a column of personal data; None for any other header."""
    word = fold_text(header) if header.strip() else ""
    for code, whole_words, parts in _load_words().columns:
        if word and (word in whole_words or any(part in word for part in parts)):
            return code
    return None


def names_a_role(header: str) -> bool:
    """Return whether a header contains a word for what a person is or did: "Auditor", "HRBP", "Filled in by (name)"."""
    roles, tokens, folded = _load_words().roles, list_tokens(header), fold_text(header)
    spans = {"".join(tokens[i:j]) for i in range(len(tokens)) for j in range(i + 1, i + 1 + MAX_ROLE_WORDS)}
    return not roles.isdisjoint(spans) or any(role >= UNSPACED_FROM and role in folded for role in roles)


def may_name_person(text: str, *, without_capitals: bool = True) -> bool:
    """Return whether a text is written as the name of a person: two to five capitalised words, and none that companies or places
    have in their names. In a script that has no capitals (``without_capitals``), one to five words of any kind.
    """
    words = [word.strip(".,()") for word in text.split()]
    if not 1 <= len(words) <= MAX_NAME_WORDS or len(text) > MAX_NAME or any(map(str.isdigit, text)):
        return False
    keys = [fold_text(word) for word in words if word]
    if not keys or not _load_words().not_names.isdisjoint(keys) or load_countries().find(text) is not None:
        return False
    named = [word for word in words if word and word.casefold() not in CONNECTING_WORDS]
    if not all(word.replace("-", "").replace("'", "").replace("’", "").isidentifier() for word in named):
        return False
    has_capitals = any(word[0].isupper() or word[0].islower() for word in named)
    if not has_capitals:
        return without_capitals and len(keys[0]) > 1
    return len(named) > 1 and all(word[0].isupper() for word in named)


def are_names_of_persons(texts: Sequence[str]) -> bool:
    """Return whether most of some texts are written like names of persons in a script with capitals."""
    return 2 * sum(may_name_person(text, without_capitals=False) for text in texts) > len(texts)


def announces_personal_data(header: str) -> bool:
    """Return whether a whole header announces personal data ("Passport no."), and not only a part of it ("Passport policy")."""
    word = fold_text(header) if header.strip() else ""
    return any(word in whole_words for _, whole_words, _ in _load_words().columns)
