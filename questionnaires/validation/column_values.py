"""Judge from the values of a column whether it answers a question: they support what its header says, contradict it, or neither.

A sample of the distinct texts is looked at, from the top of the column to its end. What they are is found by parsing them as an
answer, and by kinds that no name, place or number can be (dates, addresses of pages, names of people).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import numpy as np

from questionnaires.form import TITLE
from questionnaires.header_words import load_header_words
from questionnaires.lookups import find_sectors, load_cities, load_common_words, load_countries
from questionnaires.parse.answer import AnswerError
from questionnaires.person_detection import detect_personal_data, has_company_word, has_legal_form
from questionnaires.question import Question
from questionnaires.sheet import Column
from questionnaires.text_normalize import fold_text
from questionnaires.validation.headers import COMPOSED
from questionnaires.validation.identifiers import IDENTIFIERS, normalize_identifier

Verdict = Literal["supports", "contradicts", "neither"]

SAMPLE_ROWS, SAMPLE_TEXTS = 2_000, 200
MIN_TEXTS = 3  # fewer distinct texts prove nothing
MIN_TEXTS_AGAINST_TITLE = 5  # and fewer than this do not contradict the plain word "Country"
MOST, FEW = 0.8, 0.1  # the shares of texts that support a header, and below which they contradict it
SUPPORTED = 0.6  # the share of texts that show what an answer in words is: our lists of these are never complete
MAX_NAME_WORDS, MAX_STATUS_WORDS = 5, 4

DATE = re.compile(
    r"(?:19|20)[0-9]{2}[-/.][01]?[0-9][-/.][0-3]?[0-9](?:[T ].{0,20})?|[0-3]?[0-9][-/.][0-3]?[0-9][-/.](?:19|20)[0-9]{2}"
)
EMAIL = re.compile(r"[^\s@]{1,80}@[^\s@]{1,80}")
PAGE = re.compile(r"(?:https?://|www\.)\S{1,400}", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?[0-9][0-9 ,.'’]{0,20}%?")
PHONE = re.compile(r"\+[0-9][0-9 ().-]{6,20}")
SEVERAL = re.compile(r"[;|/,]")
PART = re.compile(r"[-/ ]")
ADDRESS = re.compile(  # words and a number, or parts
    r"[^\W\d_]{2}.{0,60}(?:[0-9]|, ?[^\W\d_])|[0-9].{0,60} [^\W\d_]{2}"
)
PARTS = re.compile(r"[,،，、]")
POSTAL_CODE = re.compile(r"(?=.*[0-9])[A-Z0-9]{2,5}[ -]?[A-Z0-9]{2,5}")
SHORT_NUMBER = re.compile(r"[0-9]{1,4}(?:[.,][0-9]{1,2})?")
LETTER = re.compile(r"([A-Za-z])(?:\1{1,3}|[0-9])?[+-]?")  # a mark: "B", "AAA", "C1"

NUMBERS = ("number", "money", "percent")
TYPED = ("number", "money", "percent", "date", "choice", "yes_no", "country", "countries")
NAMES = ("name", "name_local", "trade_name", "parent", "agencies")
COMPANIES = ("owner", "operator")
NUMBERS_OF_COMPANIES = ("reference", "registration_number", "tax_number", "licence_number", "duns", "postal_code")
STATUSES = ("licence_status",)  # each register has words of its own for it
DESCRIPTIONS = ("product", "occupation", "facility_type", "programme", "gear", "housing_type", "agency_scope")
NEVER = ("date", "email", "page", "yes_no")
LISTED = ("number", "date", "email", "page")  # what is no answer to a question with several choices: an amount of money
# The kinds of texts that cannot answer a question.
CONTRADICTING: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(NAMES, (*NEVER, "number", "phone", "person", "place")),
    "parent": (*NEVER, "number", "phone", "person", "place", "no_company"),
    **dict.fromkeys(COMPANIES, (*NEVER, "number", "phone", "country")),
    **dict.fromkeys(NUMBERS_OF_COMPANIES, (*NEVER, "country", "person", "company")),
    **dict.fromkeys(DESCRIPTIONS, (*NEVER, "country", "person", "company")),
    "postal_code": (*NEVER, "country", "person", "company", "phone"),
    "tax_number": (*NEVER, "country", "person", "company", "short_number"),
    "address": (*NEVER, "country", "number"),
    "city": (*NEVER, "country", "number", "company"),
    "region": (*NEVER, "country_name", "company"),
    "sector": (*NEVER, "country", "person", "letter", "number", "no_sector", "company"),
    "placement_sectors": (*NEVER, "country", "person", "letter", "number", "company"),
}  # fmt: skip


def sample_texts(column: Column, header_index: int) -> tuple[str, ...]:
    """Return distinct texts under the header, in the order of their first occurrence; none that say "nothing here"."""
    below = column.codes[header_index + 1 :]
    step = max(1, len(below) // SAMPLE_ROWS)
    nothing = load_common_words().nothing
    codes = np.unique(below[::step])
    codes = codes[codes >= 0]
    spread = codes[:: max(1, len(codes) // SAMPLE_TEXTS)].tolist()
    texts = (column.values[code].strip() for code in spread)
    return tuple(text for text in texts if text and fold_text(text) not in nothing)


def judge_values(question: Question, texts: Sequence[str], rank: int, header: str = "") -> Verdict:
    """Return whether the texts of a column support or contradict that it answers a question.

    ``rank``: how well its header names the question. An id or a title is contradicted only where the texts name no site and no
    country at all: other answers that cannot be read are reported cell by cell.
    """
    no_answer = {"region": "no_region", "parent": "no_company"}.get(question.id)
    if no_answer and texts and find_share(texts, VALUE_KINDS[no_answer]) >= MOST:
        return "contradicts"  # one word for a part of the world, or for a group of suppliers, is enough
    if rank and question.type in NUMBERS and texts and are_yes_and_no(texts):
        return "contradicts"  # "Migrant workers (Y/N)" asks whether there are any
    is_choice = question.type in ("choice", "yes_no") and question.id not in STATUSES
    if len(texts) < (1 if is_choice else MIN_TEXTS):  # that no text is a choice shows soon
        return "neither"
    if question.type in TYPED:
        share = find_share(texts, build_test(question))
        if share >= MOST and len(texts) >= MIN_TEXTS:
            return "supports"
        if rank <= TITLE:
            is_plain = question.id != "country" or len(texts) < MIN_TEXTS_AGAINST_TITLE
            return "neither" if is_plain or share else "contradicts"
        if question.id in STATUSES and not share and find_share(texts, is_status) >= MOST:
            return "neither"
        return "contradicts" if share <= (0 if is_choice else FEW) else "neither"
    if question.id in IDENTIFIERS:
        share = find_share(texts, lambda text: is_identifier(question.id, text))
        return "supports" if share >= MOST else "contradicts" if not share else "neither"
    if rank <= TITLE and question.id not in NAMES:
        return "neither"
    if is_supported(question.id, texts):
        return "supports"
    kinds = CONTRADICTING.get(question.id, LISTED if question.type == "many" else ())
    if "isic" in (word := fold_text(header)) or "nace" in word:  # whose sections are letters
        kinds = tuple(kind for kind in kinds if kind != "letter")
    return "contradicts" if any(has_kind(texts, kind) for kind in kinds) else "neither"


def are_yes_and_no(texts: Sequence[str]) -> bool:
    """Return whether all texts say yes or no in words, and one of them yes: "no" alone may stand for a number, as do 0 and 1."""
    words = load_common_words().yes_no
    meanings = {None if text.isdigit() else words.get(fold_text(text)) for text in texts}
    return "yes" in meanings <= {"yes", "no"}


def is_supported(question: str, texts: Sequence[str]) -> bool:
    """Return whether most texts are what only a question with answers in words is about, such as cities or addresses."""
    test = SUPPORTING.get(question)
    return test is not None and len(texts) >= MIN_TEXTS and find_share(texts, test) >= SUPPORTED


def are_answers(question: Question, texts: Sequence[str]) -> bool:
    """Return whether most texts may be answers to a question with a known form, or do not contradict any other."""
    if question.type in TYPED:
        return bool(texts) and find_share(texts, build_test(question)) >= MOST
    if question.type == "sector":
        return is_supported(question.id, texts)
    return judge_values(question, texts, COMPOSED) != "contradicts"


def build_test(question: Question) -> Callable[[str], bool]:
    """Return the function that says whether a text may answer a question of a type with a known form."""
    if question.type in ("country", "countries"):
        return is_country
    if question.type in NUMBERS:
        return lambda text: any(map(str.isdigit, text)) and not DATE.fullmatch(text) and "@" not in text
    field = question.build_field()
    if question.type == "date":
        field = field.fit_to_column((), "dmy")[0]

    def is_answer(text: str) -> bool:
        try:
            return field.parse(text) is not None
        except AnswerError as error:
            return error.partial is not None or error.code in (
                "date.ambiguous",
                "date.calendar_unclear",
                "date.era",
                "date.range",
                "date.future",
            )

    return is_answer


def is_country(text: str) -> bool:
    """Return whether a text names a country, or several, or a region of one."""
    countries = load_countries()
    parts = [part for part in SEVERAL.split(text) if part.strip()]
    return bool(countries.find(text) or countries.find_sharing(text) or countries.read(text)) or (
        bool(parts) and all(countries.find(part) or countries.find_sharing(part) for part in parts)
    )


def is_identifier(question: str, text: str) -> bool:
    """Return whether a text is a valid identifier of the kind that a question asks for."""
    return text.isascii() and IDENTIFIERS[question](normalize_identifier(text, question.upper()))


def find_share(texts: Sequence[str], test: Callable[[str], object]) -> float:
    """Return the share of texts that pass a test, 0 to 1."""
    return sum(bool(test(text)) for text in texts) / len(texts)


def has_kind(texts: Sequence[str], kind: str) -> bool:
    """Return whether most texts are of a kind; of names of people and single letters, five or more must be there."""
    is_rare = kind in ("person", "letter")
    if is_rare and len(texts) < (MIN_TEXTS_AGAINST_TITLE if kind == "person" else MIN_TEXTS):
        return False
    return find_share(texts, VALUE_KINDS[kind]) >= MOST


def is_person(text: str) -> bool:
    """Return whether a text can hardly be anything but the name of a person."""
    is_short = 2 <= len(text.split()) <= MAX_NAME_WORDS and not any(map(str.isdigit, text))
    return is_short and not has_company_word(text) and detect_personal_data(text) == "person.name"


def is_address(text: str) -> bool:
    """Return whether a text has parts and a number, as an address has, and no word for companies: "Rod. BR-155, km 12"."""
    return PARTS.search(text) is not None and any(map(str.isdigit, text)) and not has_company_word(text)


def is_status(text: str) -> bool:
    """Return whether a text may be the word of some register for the status of a licence: up to four words without digits."""
    return len(text.split()) <= MAX_STATUS_WORDS and not any(map(str.isdigit, text)) and any(map(str.isalpha, text))


def is_no_region(text: str) -> bool:
    """Return whether a text is a part of the world or a status, and no province: "Asia", "NA-East", "Active"."""
    first, *others = PART.split(text.strip())
    names = load_header_words().not_a_region
    return fold_text(text) in names or (bool(others) and first.isupper() and fold_text(first) in names)


# By kind of value: whether a text is of it.
VALUE_KINDS: dict[str, Callable[[str], object]] = {
    "country": is_country,
    "country_name": lambda text: len(text) > 3 and is_country(text),  # "PA" is a state of several countries
    "date": DATE.fullmatch,
    "email": EMAIL.fullmatch,
    "page": PAGE.fullmatch,
    "number": NUMBER.fullmatch,
    "phone": PHONE.fullmatch,
    "letter": LETTER.fullmatch,
    "short_number": SHORT_NUMBER.fullmatch,
    "person": is_person,
    "place": is_address,
    "yes_no": lambda text: fold_text(text) in load_common_words().yes_no and not text.isdigit(),
    "company": has_legal_form,
    "no_company": lambda text: fold_text(text) in load_header_words().not_a_company,
    "no_region": is_no_region,
    "no_sector": lambda text: fold_text(text) in load_header_words().not_a_sector,
}


SUPPORTING: dict[str, Callable[[str], object]] = {
    "name": has_company_word,
    "city": lambda text: fold_text(text) in load_cities(),
    "address": ADDRESS.search,
    "postal_code": POSTAL_CODE.fullmatch,
    "sector": find_sectors,
    "website": PAGE.fullmatch,
    "contact_email": EMAIL.fullmatch,
}  # fmt: skip


def have_equal_values(first: Column, second: Column, header_index: int, read: Callable[[str], object]) -> bool:
    """Return whether two columns say the same in nearly all rows that have both."""
    codes = [column.codes[header_index + 1 :] for column in (first, second)]
    step = max(1, len(codes[0]) // SAMPLE_ROWS)
    pairs = np.unique(np.stack([column_codes[::step] for column_codes in codes]), axis=1)
    compared = [(read(first.values[a]), read(second.values[b])) for a, b in pairs.T.tolist() if a >= 0 and b >= 0]
    return bool(compared) and sum(a == b for a, b in compared) >= 0.95 * len(compared)


def list_ends(texts: Iterable[str]) -> list[str]:
    """Return the part after the last comma of each text: "Dhaka, Bangladesh" ends in its country."""
    return [text.rpartition(",")[2].strip() for text in texts]
