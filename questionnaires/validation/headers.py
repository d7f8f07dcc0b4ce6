"""Read what a header asks: as a whole, in parts (two languages, two questions), or without the words around it.

The words are data (``lists/headers.toml`` and the forms). Nothing here looks at the values of a column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import NamedTuple

from questionnaires.form import Questionnaire
from questionnaires.lookups import load_header_words
from questionnaires.text_normalize import fold_text
from questionnaires.validation.people_headers import SHARES, read_people_header

COMPOSED = 4  # the rank of a header that is understood in parts, after those of questionnaires.form
MAX_HEADER = 120  # characters: a longer text is a sentence, and no header
PLACE_QUESTIONS = frozenset({"country", "region", "city", "address", "postal_code"})
SEPARATOR = re.compile(r"[/|\\()\[\]{}:;,，、・（）：；／\n\r]|\s[-–—]\s|\s(?:and|&|or|y|et|und)\s|<br ?/?>")
TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")  # of a word in ASCII: "EmpName" is two
BETWEEN_WORDS = re.compile(r"[\s_.\-]+")
PER_CENT = re.compile(r"[%٪％﹪]")
OWN = ("your", "our")
# Latin letters, from which on a header in another script beside them is one of its own: "国家Country".
WITHOUT_BLANK = 4
LATIN_WORD = re.compile(rf"[A-Za-z]{{{WITHOUT_BLANK},}}")
SCRIPT_RUNS = re.compile(r"[\x00-\u024F]+|[^\x00-\u024F]+")  # of one word: Latin letters, and letters of another script
PLURAL = re.compile(r"(?<=[a-z])\((e?s)\)", re.IGNORECASE)  # "Agent(s)"
NUMBERING = re.compile(r"\A\s*(?:[A-Za-z]{0,2}[0-9]{1,3}(?:\.[0-9]{1,2})?[.):]|[*•-])\s*")


class HeaderReading(NamedTuple):
    """What a header asks: the ids of the questions (of several, the column answers all), how well it names them, and whether
    part of it is not understood.
    """

    questions: tuple[str, ...]
    rank: int
    doubtful: bool = False


def read_header(header: str, form: Questionnaire) -> HeaderReading | None:
    """Return what a header asks in a form; None if nothing in it is known."""
    if not header or len(header) > MAX_HEADER:
        return None
    reading = _read_parts(PLURAL.sub(r"\1", header), form)
    if reading and PER_CENT.search(header):
        questions = (SHARES.get(question, question) for question in reading.questions)
        return reading._replace(questions=tuple(questions))
    return reading


def _read_parts(header: str, form: Questionnaire) -> HeaderReading | None:
    """Return what a header asks, as a whole or in parts, whether it is a number or a share of people."""
    whole = _read_words(header, form)
    if (whole and whole.rank < COMPOSED) or form.kind not in load_header_words().prefixes:
        return whole
    bare = NUMBERING.sub("", header, count=1)
    if people := _read_people(bare, form):
        return people
    if whole or (bare == header and header.isascii() and not SEPARATOR.search(header)):
        return whole
    if joined := _read_words(SEPARATOR.sub(" ", bare), form):
        return joined
    parts = [text for part in SEPARATOR.split(bare) for text in _divide_scripts(part) if text]
    readings = [(part, _read_words(part, form)) for part in parts]
    known = [(part, reading) for part, reading in readings if reading]
    questions = tuple(dict.fromkeys(question for _, reading in known for question in reading.questions))
    if not questions:
        return None
    others = [part for part, reading in readings if not reading]
    scripts = {_find_script(part) for part, _ in known}
    unclear = any(not _is_qualifier(part, questions[0]) and _find_script(part) in scripts for part in others)
    doubtful = unclear or (len(questions) > 1 and not PLACE_QUESTIONS.issuperset(questions))
    return HeaderReading(questions, COMPOSED, doubtful or any(reading.doubtful for _, reading in known))


def _read_people(header: str, form: Questionnaire) -> HeaderReading | None:
    """Return what a header asks about a number of people; the word for a group alone may also be a share, or one person."""
    tokens = [token for part in SEPARATOR.split(header) for token in _list_tokens(part)]
    tokens = [token for token in tokens if token not in load_header_words().question_words]
    is_share = PER_CENT.search(header) is not None
    people = read_people_header(tokens, is_share=is_share)
    if people is None or people.question not in form.by_id:
        return None
    return HeaderReading((people.question,), COMPOSED, people.is_bare)


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
    words are written short, or in the order of "Name of the supplier".
    """
    words, word = load_header_words(), fold_text(text)
    if word in form.headers:
        rank, question = form.headers[word]
        is_unclear = words.unclear.get(form.kind, {}).get(word) == question
        return HeaderReading((question,), rank, is_unclear)
    if form.kind not in words.prefixes:
        return None
    tokens = _list_tokens(text)
    full = [words.abbreviations.get(token, token) for token in tokens]
    asked = _drop_question_words(full, form.kind)
    turned = asked[asked.index("of") + 1 :] + asked[: asked.index("of")] if "of" in asked[1:-1] else asked
    if asked and asked[0] in words.bare_ids and asked[1:] and _is_made_of(asked[1:], words.id_owners):
        turned = [*asked[1:], asked[0]]  # "id_proveedor"
    for each in dict.fromkeys(map(tuple, (tokens, full, asked, turned))):
        if reading := _read_tokens(each, form, word):
            return reading
    return None


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


def _read_tokens(tokens: Sequence[str], form: Questionnaire, word: str) -> HeaderReading | None:
    """Return what a header of some words asks; ``word``: the header as it is written, folded."""
    words = load_header_words()
    prefixes = words.prefixes[form.kind]
    joined = "".join(tokens)
    if joined != word and joined in form.headers:
        question = form.headers[joined][1]
        return HeaderReading((question,), COMPOSED, words.unclear.get(form.kind, {}).get(joined) == question)
    if not 1 < len(tokens) <= 8:
        return None
    spans = [(begin, end) for begin in range(len(tokens)) for end in range(begin + 1, len(tokens) + 1)]
    for begin, end in sorted(spans, key=lambda span: span[0] - span[1]):  # the most words first
        known = "".join(tokens[begin:end])
        _, question = form.headers.get(known, (0, ""))
        if not question or (known in words.bare_ids and not begin):
            continue
        owners = words.id_owners if known in words.bare_ids else prefixes  # the "Company code" is the buyer's own
        if "address" in tokens[:begin] and question not in PLACE_QUESTIONS:  # an "Address name" is none of a supplier
            continue
        if (begin and question not in words.prefixed) or (begin, end) == (0, len(tokens)):
            continue
        if _is_made_of(tokens[:begin], owners) and _is_made_of(tokens[end:], words.suffixes.get(question, ())):
            return HeaderReading((question,), COMPOSED)
    return None


def _list_tokens(text: str) -> list[str]:
    """Return the words of a text, folded; names in code such as "EmpName" are several."""
    words = BETWEEN_WORDS.split(unicodedata.normalize("NFC", text))
    tokens = (token for word in words for token in (TOKEN.findall(word) if word.isascii() else [word]))
    return [folded for token in tokens if (folded := fold_text(token))]


def _is_made_of(tokens: Sequence[str], words: Collection[str]) -> bool:
    """Return whether tokens are a sequence of some words, each of up to three tokens."""
    return not tokens or any(
        "".join(tokens[:n]) in words and _is_made_of(tokens[n:], words) for n in range(1, min(3, len(tokens)) + 1)
    )


def _is_qualifier(part: str, question: str) -> bool:
    """Return whether a part of a header only says how the answer is written: "(optional)", "(2025)"."""
    word = fold_text(part)
    words = load_header_words()
    return word.isdigit() or word in words.qualifiers or word in words.suffixes.get(question, ())


def _find_script(text: str) -> str:
    """Return the script of the first letter of a text, by its Unicode name: "LATIN", "THAI"; "" if it has no letter."""
    letter = next((character for character in text if character.isalpha()), "")
    return unicodedata.name(letter, "").split(" ")[0] if letter else ""
