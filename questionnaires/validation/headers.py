"""Read what a header asks: as a whole, in parts (two languages, two questions), or without the words around it.

The words are data (``lists/headers.toml``, ``lists/header_words.csv`` and the forms). Nothing here looks at the values of
a column.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from questionnaires.form import Questionnaire
from questionnaires.header_words import PEOPLE, load_header_words
from questionnaires.person_detection import detect_personal_column
from questionnaires.text_normalize import fold_text, list_tokens
from questionnaires.validation.people_headers import SHARES, read_people_header
from questionnaires.validation.run_together import UNSPACED, divide_word

COMPOSED = 4  # the rank of a header that is understood in parts, after those of questionnaires.form
MAX_HEADER = 120  # characters: a longer text is a sentence, and no header
PLACE_QUESTIONS = frozenset({"country", "region", "city", "address", "postal_code"})
SEPARATOR = re.compile(r"[/|\\()\[\]{}:;,，、・（）：；／\n\r]|\s[-–—]\s|\s(?:and|&|or|y|et|und)\s|<br ?/?>")
IN_BRACKETS = re.compile(r"([^()]{1,80})\(([^()]{1,40})\)\s*")  # whose it is may be at the end: "Contact (Factory)"
INITIALS = re.compile(r"\(([A-Z]{2,6})\)")  # of the words before: "Foreign workers (FW)"
PER_CENT = re.compile(r"[%٪％﹪]")
OWN = ("your", "our")
CODED = frozenset({"country", "facility_type", "gear", "licence_number", "reference", "sector", "vessel_type"})
YEAR = re.compile(r"20[0-9]{2}")
ACRONYM = re.compile(r"[A-Z]{2,6}[0-9]?")  # the list that an answer is from: "Gear (ISSCFG)"
REGISTERED = {"registration"}  # of a code, that of the body which keeps the list: "BGMEA Reg. No."
CODES = ("code", "id", "identifier", "key", "number", "reference")
FIRST_NUMBERS = ("0", "1", "01")  # of columns for several answers: the first is read
MOST_HEADERS = 0.75  # of a row, which begin with a word although another header is a name too
MIN_OWN = 2  # headers that begin with the same word, from which on it says whose they are
LONG_BEGINNING = 6  # letters of a word that is also looked for at the beginning of longer ones: "Lieferantenname"
LONG_WORD = 9  # letters, from which on a word may be several that are run together
# Latin letters, from which on a header in another script beside them is one of its own: "国家Country".
WITHOUT_BLANK = 4
LATIN_WORD = re.compile(rf"[A-Za-z]{{{WITHOUT_BLANK},}}")
SCRIPT_RUNS = re.compile(r"[\x00-\u024F]+|[^\x00-\u024F]+")  # of one word: Latin letters, and letters of another script
PLURAL = re.compile(r"(?<=[a-z])\((e?s)\)", re.IGNORECASE)  # "Agent(s)"
NUMBERING = re.compile(
    r"\A\s*(?:[0-9]{1,2}\.[0-9]{1,2}\s|[A-Za-z]{0,2}[0-9]{1,3}(?:[a-z]|\.[0-9]{1,2})?[.):]|[*•-])[\s.…]*"
)

# Of a question, in surveys and returns: "q3_district", "Q10. Where are passports kept?", "q7a_n_women", "Q6. ...of which women".
QUESTION_NUMBER = re.compile(r"\A\s*[Qq][0-9]{1,3}[A-Za-z]?(?:_|[.):]\s)[\s.…]*")
NUMBER_OF = re.compile(r"\An_(?=[a-z])")
DAY = re.compile(  # on which people were counted
    r"\b[0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:20)?[0-9]{2}\b"
    r"|\b[0-9]{1,2}[ -](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\b(?:[ -](?:20)?[0-9]{2}\b)?",
    re.IGNORECASE,
)


class HeaderReading(NamedTuple):
    """What a header asks: the ids of the questions (of several, the column answers all), and how well it names them.

    ``doubtful``: it may ask something else: part of it is not understood, or, ``unclear``, it is listed as such.
    """

    questions: tuple[str, ...]
    rank: int
    doubtful: bool = False
    unclear: bool = False


@lru_cache(maxsize=10_000)  # while a header is looked for, every cell of the first rows is read, several times
def read_header(header: str, form: Questionnaire) -> HeaderReading | None:
    """Return what a header asks in a form; None if nothing in it is known."""
    if not header or len(header) > MAX_HEADER:
        return None
    if fold_text(header) not in form.headers and (number := QUESTION_NUMBER.match(header)):
        header = NUMBER_OF.sub("number ", header[number.end() :])
    reading = _read_parts(PLURAL.sub(r"\1", header), form)
    if reading and PER_CENT.search(header):
        questions = (SHARES.get(question, question) for question in reading.questions)
        return reading._replace(questions=tuple(questions))
    return reading


def read_headers(headers: Sequence[str], form: Questionnaire) -> list[HeaderReading | None]:
    """Return what each header of a row asks, also where the row has a word of its own for what it lists ("fou_nom", "fou_ville").

    Such a word is at the beginning of the header that is the name, and of others. Without a known word for suppliers, a header
    is understood in part only by what is after it.
    """
    readings = [read_header(header, form) for header in headers]
    if form.kind not in load_header_words().prefixes:
        return readings
    tokens = [_list_tokens(header) for header in headers]
    own = _find_own_word(tokens, readings, form)
    for index, header_tokens in enumerate(tokens):
        if own and readings[index] is None and header_tokens[: len(own)] == own:
            reading = read_header(" ".join(header_tokens[len(own) :]), form)
            if reading and load_header_words().prefixed.issuperset(reading.questions):
                readings[index] = reading._replace(rank=COMPOSED)
    return readings


@lru_cache(maxsize=10_000)  # as in read_header
def _list_tokens(header: str) -> tuple[str, ...]:
    return tuple(list_tokens(header))


def _find_own_word(
    tokens: Sequence[tuple[str, ...]], readings: Sequence[HeaderReading | None], form: Questionnaire
) -> tuple[str, ...]:
    """Return the words at the beginning of several headers that say whose they are, where one of them is the name of the row."""
    names = [reading for reading in readings if reading and "name" in reading.questions and not reading.doubtful]
    beginnings = Counter(each[:n] for each in tokens for n in (1, 2) if len(each) > n)
    least = MOST_HEADERS * len(tokens) if names else MIN_OWN
    frequent = [item for item in beginnings.items() if item[1] >= least]
    if not frequent:
        return ()
    words = load_header_words()
    no_owners = words.other_words | words.people.keys() | words.question_words  # "Customer name", "No. of sites"
    for own, _ in sorted(frequent, key=lambda item: (-item[1], -len(item[0]))):
        if not no_owners.isdisjoint(own):
            continue
        rests = [" ".join(each[len(own) :]) for each in tokens if each[: len(own)] == own]
        asked = {question for rest in rests if (reading := read_header(rest, form)) for question in reading.questions}
        if "name" in asked:
            return own
    return ()


def _read_parts(header: str, form: Questionnaire) -> HeaderReading | None:
    """Return what a header asks, as a whole or in parts, whether it is a number or a share of people."""
    whole = _read_words(header, form)
    if (whole and whole.rank < COMPOSED) or form.kind not in load_header_words().prefixes:
        return whole
    bare = NUMBERING.sub("", header, count=1)
    bare = INITIALS.sub(lambda found: " " if _has_initials(bare, found[1]) else found[0], bare).strip()
    counted = bare
    if (bracket := IN_BRACKETS.fullmatch(bare)) and fold_text(bracket[2]) in load_header_words().qualifiers:
        bare = bracket[1].strip()
    exact = _read_words(bare, form) if bare != header else None
    if exact and exact.rank < COMPOSED:
        return exact
    people = _read_people(bare, form)
    if people is None or people.doubtful:  # "Female (no.)"
        people = _read_people(counted, form) or people
    if people:
        return people if people.questions else None
    if whole or (bare == header and header.isascii() and not SEPARATOR.search(header)):
        return whole
    if joined := _read_words(SEPARATOR.sub(" ", bare), form):
        return joined
    bracket = IN_BRACKETS.fullmatch(bare)
    words = load_header_words()  # "Country (head office)" stays in doubt: that may be another country
    is_owner = bracket is not None and fold_text(bracket[2]) in words.site_words | words.supplier_words
    if bracket and is_owner and (turned := _read_words(f"{bracket[2]} {bracket[1]}", form)):
        return turned
    owner, colon, rest = bare.partition(":")
    if colon and rest.strip() and fold_text(owner) in load_header_words().prefixes[form.kind]:
        reading = _read_parts(rest.strip(), form)  # "Supplier: Payment terms" is no name of one
        is_prefixed = reading is not None and load_header_words().prefixed.issuperset(reading.questions)
        return reading._replace(rank=COMPOSED) if reading and is_prefixed else None
    parts = [text for part in SEPARATOR.split(bare) for text in _divide_scripts(part) if text]
    readings = _list_readings(parts, form)
    known = [(part, reading) for part, reading in readings if reading]
    questions = tuple(dict.fromkeys(question for _, reading in known for question in reading.questions))
    if not questions:
        return None
    if questions == ("contact_name", "name") and detect_personal_column(known[-1][0]) == "person.name":
        # "Contact / Nom": under a person, the name is that of the person.
        return HeaderReading(("contact_name",), COMPOSED)
    others = [part for part, reading in readings if not reading]
    scripts = {_find_script(part) for part, _ in known}
    others = [part for part in others if not _is_qualifier(part, questions[0]) and not _has_initials(header, part)]
    unclear = any(_find_script(part) in scripts for part in others)
    doubtful = unclear or (len(questions) > 1 and not PLACE_QUESTIONS.issuperset(questions))
    # One of two languages may be clear: "حالة الترخيص (Status)".
    is_clear = any(not reading.doubtful for _, reading in known)
    is_unclear = not doubtful and not is_clear and any(reading.unclear for _, reading in known)
    return HeaderReading(questions, COMPOSED, doubtful or not is_clear, is_unclear)


def _read_people(header: str, form: Questionnaire) -> HeaderReading | None:
    """Return what a header asks about a number of people; the word for a group alone may also be a share, or one person."""
    roles = load_header_words().people
    counted = _drop_included(DAY.sub("", header))
    first, *others = (list_tokens(part) for part in SEPARATOR.split(counted))
    # "Hired labour (no.)" is a number of workers, the "staff no." that of one of them.
    counts = [part for part in others if part and all(roles.get(token) == "number" for token in part)]
    tokens = [*first, *(token for part in others if part not in counts for token in part), *("total" for _ in counts)]
    only_ask = load_header_words().question_words - {"which"}
    tokens = [token for token in tokens if token not in only_ask and not YEAR.fullmatch(token)]
    is_share = PER_CENT.search(header) is not None
    people = read_people_header(tokens, is_share=is_share)
    if people and not people.question:
        return HeaderReading((), COMPOSED)
    if people is None or people.question not in form.by_id:
        return None
    is_counted = any(roles.get(token) in ("count", "number", "heads") for token in tokens)
    words = load_header_words()
    is_own = contains_words(header, words.own_people)
    if form.kind == "agency" and people.question == "workers_total" and (is_own or not is_counted):
        return None  # its own workers, or those that it placed in a year
    return HeaderReading((people.question,), COMPOSED, people.is_bare)


def _drop_included(header: str) -> str:
    """Return a header without those whom a number of people includes: "Total staff (incl. temps)" counts all of them."""
    roles = load_header_words().people
    rows = [row.split() for row in header.split(" / ")]
    for row in rows:
        included = next((n for n, word in enumerate(row) if n and roles.get(fold_text(word)) == "including"), len(row))
        del row[included:]
    return " / ".join(map(" ".join, rows))


def is_bare_name(header: str, form: Questionnaire) -> bool:
    """Return whether a header is a word for names, and does not say of what: beside another name, it may be that of a person."""
    reading, words = read_header(header, form), load_header_words()
    owners = words.site_words | words.supplier_words
    return reading is not None and "name" in reading.questions and not contains_words(header, owners)


def contains_words(header: str, words: Collection[str]) -> bool:
    """Return whether a header contains one of some folded words; a long one may also be the beginning of a longer word."""
    known = load_header_words()
    tokens = list_tokens(header)
    full = known.normalize(tokens)
    spans = {"".join(each[i:j]) for each in (tokens, full) for i in range(len(each)) for j in range(i + 1, i + 4)}
    beginnings = {token[:n] for token in tokens for n in range(LONG_BEGINNING, len(token) + 1)}
    folded = fold_text(header)
    return (
        not spans.isdisjoint(words)
        or not beginnings.isdisjoint(words)
        or (not folded.isascii() and any(word in folded and not word.isascii() for word in words))
    )


def is_header_of_codes(header: str) -> bool:
    """Return whether a header ends in a word for numbers or codes ("RFMO ID") that may be those of the rows."""
    words = load_header_words()
    tokens = words.normalize(list_tokens(header))
    return len(tokens) > 1 and tokens[-1] in CODES and not contains_words(header, words.other_words - REGISTERED)


def _divide_scripts(text: str) -> list[str]:
    """Return the parts of a text in Latin letters and in other scripts: headers are often written twice, with no sign between."""
    if text.isascii():
        return [text]
    parts: list[str] = []
    for word in text.split():
        for run in SCRIPT_RUNS.findall(word) if LATIN_WORD.search(word) else [word]:
            scripts = {_find_script(run), _find_script(parts[-1]) if parts else ""} - {""}
            if parts and len(scripts) < 2:
                parts[-1] += f" {run}"
            else:
                parts.append(run)
    return parts


def _read_words(text: str, form: Questionnaire) -> HeaderReading | None:
    """Return what a header of one part asks: by a word of the form, or by one between known prefixes and suffixes, also where
    words are written short, in the plural, run together or in the order of "Name of the supplier".
    """
    words, word = load_header_words(), fold_text(text)
    if word in form.headers:
        rank, question = form.headers[word]
        question = words.rather.get(word, question) if words.rather.get(word) in form.by_id else question
        is_unclear = words.unclear.get(form.kind, {}).get(word) == question
        return HeaderReading((question,), rank, is_unclear, is_unclear)
    if form.kind not in words.prefixes:
        return None
    tokens = list_tokens(text)
    for each in dict.fromkeys(_vary(tokens, form.kind)):
        if reading := _read_tokens(each, form):
            return reading
    divided = [part for token in tokens for part in _divide_word(token, form)]
    if divided != tokens:
        return next(filter(None, (_read_tokens(each, form) for each in _vary(divided, form.kind))), None)
    return None


def _vary(tokens: Sequence[str], kind: str) -> Iterator[tuple[str, ...]]:
    """Return the ways to read the words of a header: as they are, written in full, in another order, without what only asks."""
    words = load_header_words()
    yield tuple(tokens)
    full = words.normalize(tokens)
    yield tuple(full)
    asked = _drop_question_words(full, kind)
    yield tuple(asked)
    if "of" in asked[1:-1] and asked[0] != "number":  # the "No. of sites" is none of a site
        of = asked.index("of")
        yield (*asked[of + 1 :], *asked[:of])
    if asked and asked[0] in words.bare_ids and asked[1:] and _is_made_of(asked[1:], words.id_owners):
        yield (*asked[1:], asked[0])  # "id_proveedor"
    for each in (tokens, full):
        unnumbered = [token for token in each if token not in FIRST_NUMBERS and not YEAR.fullmatch(token)]
        if len(unnumbered) < len(each):
            yield tuple(unnumbered)  # "address.0.city", "Product 1", "Departures 2025"


def _divide_word(word: str, form: Questionnaire) -> list[str]:
    """Return the known words that are run together in one ("vendororganizationname"), as few as possible; else the word alone."""
    prefixes = load_header_words().prefixes[form.kind]
    if UNSPACED.search(word):
        return divide_word(word, lambda part: part in form.headers or part in prefixes)
    if len(word) < LONG_WORD or not word.isascii() or not word.isalpha():
        return [word]
    return divide_word(word, list_known_words(form.kind).__contains__)


@cache
def list_known_words(kind: str) -> frozenset[str]:
    """Return the English words that headers of a kind of sheet are made of: those of three letters and more, and three more."""
    words = load_header_words()
    texts = [text for text in words.texts[kind] if text.isascii()]
    tokens = {token for text in texts for token in list_tokens(text) if token.isalpha() and len(token) > 2}
    return frozenset({*tokens, "id", "no", "of"})


def _drop_question_words(tokens: Sequence[str], kind: str) -> list[str]:
    """Return the words of a header that is a sentence ("What is the name of your company?") without those that only ask.

    "Your" stays where it is not said whose it is: "Your name" is that of a person.
    """
    words = load_header_words()
    return [
        token
        for token, after in zip(tokens, [*tokens[1:], ""], strict=False)
        if token not in words.question_words and not (token in OWN and after in words.prefixes[kind])
    ]


def _read_tokens(tokens: Sequence[str], form: Questionnaire) -> HeaderReading | None:
    """Return what a header of some words asks."""
    words = load_header_words()
    prefixes = words.prefixes[form.kind]
    joined = "".join(tokens)
    if question := _find_question(joined, form):
        is_unclear = words.unclear[form.kind].get(joined) == question
        return HeaderReading((question,), COMPOSED, is_unclear, is_unclear)
    if not 1 < len(tokens) <= 8:
        return None
    spans = [(begin, end) for begin in range(len(tokens)) for end in range(begin + 1, len(tokens) + 1)]
    for begin, end in sorted(spans, key=lambda span: span[0] - span[1]):  # the most words first
        known = "".join(tokens[begin:end])
        question = _find_question(known, form)
        if not question or (known in words.bare_ids and not begin):
            continue
        owners = words.id_owners if known in words.bare_ids else prefixes  # the "Company code" is the buyer's own
        if "address" in tokens[:begin] and question not in PLACE_QUESTIONS:  # an "Address name" is none of a supplier
            continue
        if (begin and question not in words.prefixed) or (begin, end) == (0, len(tokens)):
            continue
        if question.startswith(PEOPLE) and not words.people_elsewhere.isdisjoint(tokens):
            continue  # "Office staff", "Workers required"
        following = (words.suffixes.get(question, ()), words.around[form.kind] if question in words.prefixed else ())
        if _is_made_of(tokens[:begin], owners) and _is_made_of(tokens[end:], *following):
            is_unclear = words.unclear[form.kind].get(known) == question
            return HeaderReading((question,), COMPOSED, is_unclear, is_unclear)
    return None


def _find_question(key: str, form: Questionnaire) -> str:
    """Return the question that some joined words ask, as they are or in their common form; "" if there is none."""
    return form.headers[key][1] if key in form.headers else form.header_keys.get(key, "")


def _is_made_of(tokens: Sequence[str], *known: Collection[str]) -> bool:
    """Return whether tokens are a sequence of known words, each of up to five tokens."""
    return not tokens or any(
        any("".join(tokens[:n]) in words for words in known) and _is_made_of(tokens[n:], *known)
        for n in range(1, min(5, len(tokens)) + 1)
    )


def _list_readings(parts: Sequence[str], form: Questionnaire) -> list[tuple[str, HeaderReading | None]]:
    """Return what each part of a header asks; nothing for one that only says how the answer is written ("Flag (ISO3)")."""
    readings = [(part, _read_words(part, form)) for part in parts]
    first = next((index for index, (_, reading) in enumerate(readings) if reading), len(readings))
    for index, (part, reading) in enumerate(readings[first + 1 :], first + 1):
        known = readings[first][1]
        if reading and known and fold_text(part) in load_header_words().suffixes.get(known.questions[0], ()):
            readings[index] = (part, None)
    return readings


def _has_initials(header: str, part: str) -> bool:
    """Return whether a part of a header has the initials of the words before it: "Foreign workers (FW)"."""
    before = list_tokens(header.rpartition(part)[0])
    return len(part) > 1 and part.isupper() and fold_text(part) in "".join(token[0] for token in before)


def _is_qualifier(part: str, question: str) -> bool:
    """Return whether a part of a header only says how the answer is written: "(optional)", "(2025)"."""
    word = fold_text(part)
    words = load_header_words()
    is_list = ACRONYM.fullmatch(part.strip()) is not None and question in CODED
    return is_list or word.isdigit() or word in words.qualifiers or word in words.suffixes.get(question, ())


def _find_script(text: str) -> str:
    """Return the script of the first letter of a text, by its Unicode name: "LATIN", "THAI"; "" if it has no letter."""
    letter = next((character for character in text if character.isalpha()), "")
    return unicodedata.name(letter, "").split(" ")[0] if letter else ""
