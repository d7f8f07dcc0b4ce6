"""The other answer fields: text, date, yes or no, choices, countries and sectors.

Answers are: text, yes_no, choice: str; date: ISO str; country: ISO 3166-1 alpha-2; many, countries, sector: tuple of str;
``"declined"`` and ``"cannot_apply"`` in any of them. What a whole column proves about its values (whether day or month comes
first in its dates, whether it holds codes) is found by ``fit_to_column``; without proof an ambiguous value is an error, never a
guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from marshmallow import ValidationError

from questionnaires.issues import ISSUES
from questionnaires.lookups import find_sectors, keep_broadest, load_common_words, load_countries, load_sectors
from questionnaires.parse.answer import AnswerError, AnswerField, Value, clean_text
from questionnaires.parse.dates import detect_order, parse_day
from questionnaires.places import find_region_named_as_country, find_regions
from questionnaires.text_normalize import fold_text

LINE_BREAKS = re.compile("[\r\n\u2028\u2029\x85]+")
WHOLE_AS_FLOAT = re.compile(r"(?<![0-9])[0-9]+\.0", re.ASCII)
PLAIN_TEXT = re.compile(r"[0-9A-Za-z](?:[!-~]| (?=[!-~]))*+")
DIGIT = re.compile("[0-9]")
COUNTRY_BESIDE = re.compile(r"(.{1,200}),([^,()]{2,60})|([^,()]{2,60})\(([^()]{1,60})\)")


class TextField(AnswerField):
    """A text on one line. ``1421.0``, a number that a spreadsheet made of an identifier, is 1421."""

    def parse_plain(self, text: str) -> str | None:
        """Return a line of ASCII with single blanks that begins with a letter or digit and is not a non-answer; else None."""
        if PLAIN_TEXT.fullmatch(text) is None or text[-2:] == ".0":
            return None
        words = load_common_words()
        # No word for "nothing here" contains a digit (test_types.py): a text that does needs no folding.
        is_short = len(text) <= words.longest_non_answer
        if is_short and DIGIT.search(text) is None and fold_text(text) in words.non_answers:
            return None
        return text

    def parse_text(self, text: str) -> str:
        """Return the text itself."""
        return text[:-2] if WHOLE_AS_FLOAT.fullmatch(text) else text


class DateField(AnswerField):
    """A date as YYYY-MM-DD. A bare year or month is returned as it is (YYYY, YYYY-MM), less precise but true.

    ``order``: "dmy" or "mdy" for dates such as 03/04/2020. ``earliest``, ``latest``: ISO dates. ``as_of``: the date after which
    a date is in the future; ``keep_future``: whether such a date is a partial answer of the error.
    """

    def __init__(
        self,
        *,
        order: str | None = None,
        earliest: str = "1900",
        latest: str = "2100-12-31",
        as_of: str = "",
        keep_future: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.order, self.earliest, self.latest = order, earliest, latest
        self.as_of, self.keep_future = as_of, keep_future

    def fit_to_column(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, AnswerError | None]:
        """Return a field that reads 03/04/2020 in the given order, else in the one order the column's other dates prove."""
        fitted = type(self)(
            order=date_order or detect_order(texts),
            earliest=self.earliest,
            latest=self.latest,
            as_of=self.as_of,
            keep_future=self.keep_future,
            reserved=self.reserved,
        )
        return fitted, None

    def parse_text(self, text: str) -> str:
        """Return the date of a text."""
        code, day = parse_day(text, self.order)
        if code and day is None:
            raise AnswerError(code, text)
        if day is not None and not self.earliest[: len(day)] <= day <= self.latest:
            raise AnswerError("date.range", text, expected=f"a date from {self.earliest} to {self.latest}")
        if day is not None and self.as_of and day > self.as_of:
            raise AnswerError("date.future", text, partial=day if self.keep_future else None)
        if code:
            raise AnswerError(code, text, partial=day, expected=str(day) if code == "date.calendar" else "")
        return str(day)


class YesNoField(AnswerField):
    """ "yes" or "no", in any of the languages of ``lists/words.toml``."""

    def parse_word(self, text: str, word: str) -> str | None:
        """Return "yes" or "no"; a "no" that is a blank elsewhere is an answer here."""
        return load_common_words().yes_no.get(word)

    def parse_text(self, text: str) -> str:
        """Reject any other text."""
        raise AnswerError("answer.unknown", text, expected="yes or no")

    def parse_json(self, value: object) -> str:
        """Return "yes" for true and "no" for false."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        raise AnswerError("field.type", value)


SEPARATORS = "[;|、；؛]"
WEAK_SEPARATORS = r"[,，،]|/(?!(?<=\b\w/)\w\b)"  # not the slash of n/a or F/V
SEPARATOR, WEAK_SEPARATOR, BETWEEN_TEXTS = re.compile(SEPARATORS), re.compile(WEAK_SEPARATORS), re.compile("[;|；؛]")


def split_parts(text: str, is_known: Callable[[str], bool], split_commas: bool) -> list[str]:
    """Split a cell of several values at ; | and line breaks, and also at commas and slashes (if allowed) when a part is
    unknown.
    """
    parts = []
    for part in SEPARATOR.split(text):
        smaller = WEAK_SEPARATOR.split(part) if split_commas and not is_known(part.strip()) else [part]
        parts += [small.strip() for small in smaller if small.strip()]
    return parts


class ChoiceField(AnswerField):
    """One of a question's choices, by code, title or spelling."""

    def __init__(self, *, choices: Mapping[str, str], titles: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices, self.titles = choices, titles
        self.codes = {code for code in choices.values() if choices.get(fold_text(code)) == code and code.isidentifier()}

    def parse(self, value: object) -> Value | None:
        """Return the answer of a value; the code of a choice needs no cleaning."""
        return value if isinstance(value, str) and value in self.codes else super().parse(value)

    def parse_word(self, text: str, word: str) -> Value | None:
        """Return the choice of a folded word; a choice named "none" or "unknown" is an answer."""
        return self.choices.get(word)

    def parse_text(self, text: str) -> Value | None:
        """Reject any other text."""
        raise AnswerError("answer.unknown", text, expected=" / ".join(self.titles))


class MultiValueField(AnswerField):
    """Several answers in a cell or JSON list, each parsed by ``parse_part``; unknown parts are reported, the rest is used."""

    unknown_code, split_commas = "answer.unknown", True

    def parse(self, value: object) -> Value | None:
        """Return the answer of a value; the lines of a cell are parts of it."""
        return super().parse(LINE_BREAKS.sub(";", value.strip()) if isinstance(value, str) else value)

    def parse_part(self, text: str) -> tuple[str, ...]:
        """Return the answers of one part; empty if it is unknown."""
        raise NotImplementedError

    def suggest(self, text: str) -> tuple[str, ...]:
        """Return what the sender may have meant by an unknown part."""
        return ()

    def parse_word(self, text: str, word: str) -> Value | None:
        """Return the answers, if the whole text is one of them."""
        return self.parse_part(text) or None

    def parse_text(self, text: str) -> tuple[str, ...]:
        """Return the answers of the parts of the text."""
        return self.parse_parts(split_parts(text, lambda part: bool(self.parse_part(part)), self.split_commas), text)

    def parse_json(self, value: object) -> tuple[str, ...] | None:
        """Return the answers of a list of texts."""
        if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
            raise AnswerError("field.type", value)
        parts = [clean_text(part) for part in value]
        return self.parse_parts(parts, ", ".join(parts)) if parts else None

    def parse_parts(self, parts: Iterable[str], seen: str) -> tuple[str, ...]:
        """Return the distinct answers of all parts. Raises :class:`AnswerError`, with the rest, for unknown parts."""
        answers: list[str] = []
        unknown = []
        for part in parts:
            part_answers = self.parse_part(part)
            answers += part_answers
            if not part_answers and fold_text(part) not in load_common_words().nothing:
                unknown.append(part)
        distinct = tuple(dict.fromkeys(answers))
        if unknown or not distinct:
            seen = ", ".join(unknown) or seen
            raise AnswerError(self.unknown_code, seen, partial=distinct or None, suggest=self.suggest)
        return distinct


class MultiChoiceField(MultiValueField):
    """Several of a question's choices; or, without choices, several texts (names, which may contain commas)."""

    def __init__(self, *, choices: Mapping[str, str], titles: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices, self.titles = choices, titles
        self.split_commas = bool(choices)

    def parse_part(self, text: str) -> tuple[str, ...]:
        """Return the choice, or the text."""
        if not self.choices:
            word = fold_text(text)
            words = load_common_words()
            is_text = word and word not in words.nothing and word not in words.reserved
            return (
                (WHOLE_AS_FLOAT.sub(lambda match: match[0][:-2], text),)
                if is_text and not BETWEEN_TEXTS.search(text)
                else ()
            )
        code = self.choices.get(fold_text(text))
        return (code,) if code else ()


def list_names(codes: Iterable[str]) -> str:
    """Return the names of countries as alternatives."""
    return " or ".join(load_countries().names[code] for code in codes)


class CountryField(AnswerField):
    """An ISO 3166-1 alpha-2 code, from a code or a name in many languages.

    ``has_codes``: whether the column holds other codes. "NA" is Namibia; if it occurs among names, that is reported. A region
    whose name is given as the country is read as its country, and reported. A name that several countries share is none.
    ``unknown_code``: the error code for an unknown country.
    """

    def __init__(self, *, has_codes: bool = True, unknown_code: str = "country.unknown", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.has_codes, self.unknown_code = has_codes, unknown_code

    def fit_to_column(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, AnswerError | None]:
        """Return a field that knows whether the column holds two-letter codes."""
        nothing = load_common_words().nothing
        others = [text for text in map(str.strip, texts) if fold_text(text) != "na" and fold_text(text) not in nothing]
        has_codes = any(len(text) == 2 for text in others) or not others
        return type(self)(has_codes=has_codes, unknown_code=self.unknown_code, reserved=self.reserved), None

    def parse_word(self, text: str, word: str) -> str | None:
        """Return Namibia's code, which means "not available" elsewhere; None for any other word."""
        if word != "na" or "/" in text or "." in text or not (self.has_codes or text == "NA"):
            return None
        if not self.has_codes:
            raise AnswerError("country.ambiguous", text, partial="NA")
        return "NA"

    def parse_text(self, text: str) -> str:
        """Return the code of a country."""
        countries = load_countries()
        code = countries.read(text)
        if code is not None:
            return code
        if sharing := load_countries().find_sharing(text):
            code = "country.shared_name" if self.unknown_code == "country.unknown" else self.unknown_code
            raise AnswerError(code, text, expected=list_names(sharing))
        if region := find_region_named_as_country(text):
            raise AnswerError(
                "country.is_region", text, expected=load_countries().names[region.country], partial=region.country
            )
        near = countries.find_near(text) or find_country_beside(text)
        if near:
            raise AnswerError("country.read_as", text, expected=countries.names[near], partial=near)
        raise AnswerError(self.unknown_code, text, expected="a country", suggest=countries.suggest)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Value | None:
        """Deserialize as any answer. A name that is only near that of a country is refused: nobody sees the note of a guess."""
        try:
            return self.parse(value)
        except AnswerError as error:
            if error.code != "country.read_as":
                return super()._deserialize(value, attr, data, **kwargs)
            cure = f"Did you mean {error.expected}? {ISSUES[self.unknown_code].cure}"
            message = {"code": self.unknown_code, "seen": error.seen, "expected": error.expected, "cure": cure}
            raise ValidationError(message) from error


def find_country_beside(text: str) -> str | None:
    """Return the code of a country that a text names beside a place: before brackets or after a comma (Dhaka, Bangladesh).

    In another order the words may be the name of another country (Guinea, Equatorial), which then counts; None where the place
    is itself a country, or a region of one.
    """
    match = COUNTRY_BESIDE.fullmatch(text)
    if match is None:
        return None
    place, country = (match[1], match[2]) if match[2] else (match[4], match[3])
    countries = load_countries()
    whole = countries.find(f"{place} {country}") or countries.find(f"{country} {place}")
    if whole or countries.find(place) or countries.find_sharing(place) or find_regions(place, with_places=False):
        return whole
    return countries.find(country) if len(fold_text(country)) > 3 else None


class CountriesField(MultiValueField):
    """Several countries, as alpha-2 codes. Of a name that several countries share, all of them count, and it is reported."""

    def parse_word(self, text: str, word: str) -> Value | None:
        """Return the code, if the whole text is the name of one country."""
        return None if load_countries().find_sharing(text) else super().parse_word(text, word)

    def parse_part(self, text: str) -> tuple[str, ...]:
        """Return the code of a country, or those of all countries of this name."""
        code = None if fold_text(text) == "na" and text != "NA" else load_countries().find(text)
        return (code,) if code else load_countries().find_sharing(text)

    def parse_parts(self, parts: Iterable[str], seen: str) -> tuple[str, ...]:
        """Return the distinct codes of all parts. Raises :class:`AnswerError`, with all codes, for shared names too."""
        parts = list(parts)
        answers = super().parse_parts(parts, seen)
        for part in parts:
            if sharing := load_countries().find_sharing(part):
                raise AnswerError("country.all_counted", part, expected=list_names(sharing), partial=answers)
        return answers

    def suggest(self, text: str) -> tuple[str, ...]:
        """Return countries with similar spelling."""
        return load_countries().suggest(text)


CLASSIFICATION = r"(ISIC|NACE|NAICS)(?:\s*Rev\.?\s*[0-9.]+)?\s*:?\s*"
CODE_WITH_TITLE = re.compile(
    rf"(?:{CLASSIFICATION})?([0-9]{{2}}\.[0-9]{{1,2}}|[0-9]{{1,6}}|[A-U])(?:\s*[-–—:]\s*(.+)|\s+(\D.*))?",
    re.ASCII | re.IGNORECASE,
)
TITLE_WITH_CODE = re.compile(rf"([^\W\d_][^()]*+)\(((?:{CLASSIFICATION})?[0-9]{{2}}[0-9.]*)\)", re.IGNORECASE)
# After words (and not after the name of a classification): another code with a title of its own.
NEXT_CODE = (
    r"(?<=[^\W\d_]|\))(?<!ISIC|NACE)(?<!NAICS)(?:\s+(?:and|&|\+|[-–—]))?\s+"
    rf"(?=(?:{CLASSIFICATION})?[0-9]{{2}}(?:[0-9]{{1,4}}|\.[0-9]{{1,2}})?(?:\s*[-–—:]\s*|\s+)[^\W\d_])"
)
NEXT_CODE_PATTERN = re.compile(NEXT_CODE, re.IGNORECASE)
SEPARATED = re.compile(f"{SEPARATORS}|{WEAK_SEPARATORS}|{NEXT_CODE}", re.IGNORECASE)
# In the titles of a named classification, a comma separates only before another code.
SEPARATED_CODES = re.compile(
    rf"{SEPARATORS}|(?:{WEAK_SEPARATORS})\s*(?={CLASSIFICATION}|[0-9]{{2}})|{NEXT_CODE}", re.IGNORECASE
)


class SectorField(MultiValueField):
    """ISIC Rev.4 codes, as precise as given: from an ISIC code, a dotted NACE code, a NAICS code named as such, or words.

    A number that is not an ISIC code is not a sector (an occupation code, an HS code), and a code beside words counts only
    if the words are a sector of the same branch. Words that may continue with another sector are read part by part.
    """

    unknown_code = "sector.unknown"

    def parse_text(self, text: str) -> tuple[str, ...]:
        """Return the answers of the parts of the text; a code with its title begins a part."""
        return super().parse_text(NEXT_CODE_PATTERN.sub(";", text) if CODE_WITH_TITLE.fullmatch(text) else text)

    def parse_part(self, text: str) -> tuple[str, ...]:
        """Return the ISIC codes of a code or a word."""
        by_word = find_sectors(text)
        reversed_match = TITLE_WITH_CODE.fullmatch(text)  # the code in brackets after its title
        match = CODE_WITH_TITLE.fullmatch(
            f"{reversed_match[2]} {reversed_match[1].rstrip()}" if reversed_match else text.removesuffix(".0")
        )
        if by_word or not match:
            return by_word
        system, code, words = (match[1] or "").upper(), match[2].upper(), match[3] or match[4]
        if system == "NAICS":
            codes = load_sectors().convert_naics(code)
        elif "." in code:
            codes = load_sectors().convert_nace(code)
        else:
            codes = (code,) if code in load_sectors().names else ()
        if not words or is_same_branch(codes, words):
            return codes
        if (SEPARATED_CODES if system else SEPARATED).search(words):
            return ()
        return codes if system or any(is_same_branch(codes, word) for word in words.split()) else ()

    def suggest(self, text: str) -> tuple[str, ...]:
        """Return sectors with similar names."""
        return load_sectors().suggest(text)


def is_same_branch(codes: tuple[str, ...], words: str) -> bool:
    """Return whether the words are a sector within one of the codes, or the other way round."""
    sectors = load_sectors()
    return any(
        len(keep_broadest((*codes, word_code), sectors.section_by_code)) == 1
        for word_code in find_sectors(words)
        if codes
    )
