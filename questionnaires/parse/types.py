"""The other kinds of answers: text, date, yes or no, choices, countries and sectors.

What comes out: text, yes_no, choice: str; date: ISO str; country: ISO 3166-1 alpha-2; many, countries, sector: tuple of
str; ``"declined"`` and ``"cannot_apply"`` in any of them. What a whole column proves about its values (which comes
first in its dates, whether it holds codes) is found by ``fitted``; without proof an ambiguous value is a fault, never a
guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from questionnaires.lookups import broadest, countries, everyday, sectors
from questionnaires.parse.answer import Answer, Fault, Value, clean
from questionnaires.parse.dates import day_of, order_of
from questionnaires.text_normalize import fold

LINE_MARKS = re.compile("[\r\n\u2028\u2029\x85]+")
WHOLE_AS_FLOAT = re.compile(r"[0-9]+\.0", re.ASCII)
PLAIN = re.compile(r"[0-9A-Za-z](?:[!-~]| (?=[!-~]))*+")
DIGIT = re.compile("[0-9]")


class Text(Answer):
    """A text on one line. ``1421.0``, a number that a spreadsheet made of an identifier, is 1421."""

    def plain(self, text: str) -> str | None:
        """A line of ASCII with single blanks inside that begins with a letter or digit and is no word for "nothing here"."""
        if PLAIN.fullmatch(text) is None or text[-2:] == ".0":
            return None
        words = everyday()
        # No word for "nothing here" holds a digit (test_types.py): what does needs no folding.
        if len(text) <= words.longest and DIGIT.search(text) is None and fold(text) in words.set_apart:
            return None
        return text

    def of_text(self, text: str) -> str:
        """The text itself."""
        return text[:-2] if WHOLE_AS_FLOAT.fullmatch(text) else text


class Date(Answer):
    """A day as YYYY-MM-DD. A bare year or month stays as it is given (YYYY, YYYY-MM), less precise but true.

    ``order``: "dmy" or "mdy" for dates such as 03/04/2020. ``least``, ``most``: ISO days. ``on``: the day after which a
    date is in the future; ``late``: whether such a date is kept, beside the fault.
    """

    def __init__(
        self,
        *,
        order: str | None = None,
        least: str = "1900",
        most: str = "2100-12-31",
        on: str = "",
        late: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.order, self.least, self.most, self.on, self.late = order, least, most, on, late

    def fitted(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, Fault | None]:
        """A field that reads 03/04/2020 in the order said, else in the one order the column's other dates prove."""
        order = date_order or order_of(texts)
        said: dict[str, Any] = {name: getattr(self, name) for name in ("least", "most", "on", "late", "reserved")}
        return type(self)(order=order, **said), None

    def of_text(self, text: str) -> str:
        """The day a text says."""
        fault, day = day_of(text, self.order)
        if fault and day is None:
            raise Fault(fault, text)
        if day is not None and not self.least[: len(day)] <= day <= self.most:
            raise Fault("date.range", text, expected=f"a date from {self.least} to {self.most}")
        if day is not None and self.on and day > self.on:
            raise Fault("date.future", text, kept=day if self.late else None)
        if fault:
            raise Fault(fault, text, kept=day)
        return str(day)


class YesNo(Answer):
    """ "yes" or "no", in any of the languages of ``lists/words.toml``."""

    def known(self, text: str, word: str) -> str | None:
        """A "no" that says "nothing" elsewhere is still a no."""
        return everyday().yes_no.get(word)

    def of_text(self, text: str) -> str:
        """No other text is an answer."""
        raise Fault("answer.unknown", text, expected="yes or no")

    def of_json(self, value: object) -> str:
        """True and false."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        raise Fault("field.type", value)


APART = "[;|、；]"
LESS_APART = r"[,，]|/(?!(?<=\b\w/)\w\b)"  # not the stroke of n/a or F/V


def parts_of(text: str, known: Callable[[str], bool], commas: bool) -> list[str]:
    """The parts of a cell that holds several values: split at ; | and line marks, then, if allowed, at , and / where a
    part is not known.
    """
    found = []
    for part in re.split(APART, text):
        smaller = re.split(LESS_APART, part) if commas and not known(part.strip()) else [part]
        found += [small.strip() for small in smaller if small.strip()]
    return found


class Choice(Answer):
    """One of the choices of a question, by code, title or spelling."""

    def __init__(self, *, choices: Mapping[str, str], titles: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices, self.titles = choices, titles
        self.codes = {code for code in choices.values() if choices.get(fold(code)) == code and code.isidentifier()}

    def read(self, value: object) -> Value | None:
        """As any answer; a code as it stands in the form needs no closer look."""
        return value if isinstance(value, str) and value in self.codes else super().read(value)

    def known(self, text: str, word: str) -> Value | None:
        """A choice named "none" or "unknown" is an answer."""
        return self.choices.get(word)

    def of_text(self, text: str) -> Value | None:
        """No other text is an answer."""
        raise Fault("answer.unknown", text, expected=" / ".join(self.titles))


class Several(Answer):
    """Several answers in a cell or JSON list, each read by ``one``; what is not understood is told, the rest kept."""

    code, commas = "answer.unknown", True

    def read(self, value: object) -> Value | None:
        """As any answer; the lines of a cell are parts of it."""
        return super().read(LINE_MARKS.sub(";", value.strip()) if isinstance(value, str) else value)

    def one(self, text: str) -> tuple[str, ...]:
        """The answers one part gives; empty if it is not understood."""
        raise NotImplementedError

    def like(self, text: str) -> tuple[str, ...]:
        """What the sender may have meant by a part."""
        return ()

    def known(self, text: str, word: str) -> Value | None:
        """The answers, where the whole text is one of them."""
        return self.one(text) or None

    def of_text(self, text: str) -> tuple[str, ...]:
        """The answers of the parts of the text."""
        return self.gathered(parts_of(text, lambda part: bool(self.one(part)), self.commas), text)

    def of_json(self, value: object) -> tuple[str, ...] | None:
        """The answers of a list of texts."""
        if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
            raise Fault("field.type", value)
        parts = [clean(part) for part in value]
        return self.gathered(parts, ", ".join(parts)) if parts else None

    def gathered(self, parts: Iterable[str], seen: str) -> tuple[str, ...]:
        """The answers of all parts, without repeats and without one inside another."""
        found: list[str] = []
        strange = []
        for part in parts:
            got = self.one(part)
            found += got
            if not got and fold(part) not in everyday().nothing:
                strange.append(part)
        kept = tuple(dict.fromkeys(found))
        if strange or not kept:
            raise Fault(self.code, ", ".join(strange) or seen, kept=kept or None, like=self.like)
        return kept


class Many(Several):
    """Several of the choices of a question; or, without choices, several texts (names, which may hold commas)."""

    def __init__(self, *, choices: Mapping[str, str], titles: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices, self.titles = choices, titles
        self.commas = bool(choices)

    def one(self, text: str) -> tuple[str, ...]:
        """The choice, or the text."""
        if not self.choices:
            word = fold(text)
            plain = word and word not in everyday().nothing and word not in everyday().reserved
            return (
                (WHOLE_AS_FLOAT.sub(lambda found: found[0][:-2], text),)
                if plain and not re.search("[;|；]", text)
                else ()
            )
        found = self.choices.get(fold(text))
        return (found,) if found else ()


class Country(Answer):
    """An ISO 3166-1 alpha-2 code, from a code or a name in many languages.

    ``codes``: whether the column holds other codes. "NA" is Namibia; where it stands among names, that is said.
    ``strange``: the code of a fault where the country is not known.
    """

    def __init__(self, *, codes: bool = True, strange: str = "country.unknown", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.codes, self.strange = codes, strange

    def fitted(self, texts: Sequence[str], date_order: str | None = None) -> tuple[Self, Fault | None]:
        """A field that knows whether the column holds two-letter codes."""
        others = [text for text in map(str.strip, texts) if fold(text) != "na" and fold(text) not in everyday().nothing]
        codes = any(len(text) == 2 for text in others) or not others
        return type(self)(codes=codes, strange=self.strange, reserved=self.reserved), None

    def known(self, text: str, word: str) -> str | None:
        """Namibia's code, which says "not available" elsewhere."""
        if word != "na" or "/" in text or "." in text or not (self.codes or text == "NA"):
            return None
        if not self.codes:
            raise Fault("country.ambiguous", text, kept="NA")
        return "NA"

    def of_text(self, text: str) -> str:
        """The country's code."""
        found = countries().find(text)
        if found is None:
            raise Fault(self.strange, text, expected="a country", like=countries().like)
        return found


class Countries(Several):
    """Several countries, as alpha-2 codes."""

    def one(self, text: str) -> tuple[str, ...]:
        """The country's code."""
        found = None if fold(text) == "na" and text != "NA" else countries().find(text)
        return (found,) if found else ()

    def like(self, text: str) -> tuple[str, ...]:
        """Countries spelt alike."""
        return countries().like(text)


NAMED = r"(ISIC|NACE|NAICS)(?:\s*Rev\.?\s*[0-9.]+)?\s*:?\s*"
CODED = re.compile(
    rf"(?:{NAMED})?([0-9]{{2}}\.[0-9]{{1,2}}|[0-9]{{1,6}}|[A-U])(?:\s*[-–—:]\s*(.+)|\s+(\D.*))?",
    re.ASCII | re.IGNORECASE,
)
BEHIND = re.compile(rf"([^\W\d_][^()]*?)\s*\(((?:{NAMED})?[0-9]{{2}}[0-9.]*)\)", re.IGNORECASE)
# After words (and not after the name of a classification): a further code, with words of its own.
FURTHER = (
    r"(?<=[^\W\d_]|\))(?<!ISIC|NACE)(?<!NAICS)(?:\s+(?:and|&|\+|[-–—]))?\s+"
    rf"(?=(?:{NAMED})?[0-9]{{2}}(?:[0-9]{{1,4}}|\.[0-9]{{1,2}})?(?:\s*[-–—:]\s*|\s+)[^\W\d_])"
)
NEXT = re.compile(FURTHER, re.IGNORECASE)
SEVERAL = re.compile(f"{APART}|{LESS_APART}|{FURTHER}", re.IGNORECASE)
# In the titles of a classification that is named, a comma stands apart only before another code.
SEVERAL_NAMED = re.compile(rf"{APART}|(?:{LESS_APART})\s*(?={NAMED}|[0-9]{{2}})|{FURTHER}", re.IGNORECASE)


class Sector(Several):
    """ISIC Rev.4 codes, as precise as given: from an ISIC code, a dotted NACE code, a NAICS code that says so, or
    words.

    A number that is no ISIC code is not a sector (an occupation code, an HS code), and a code beside words counts only
    if the words are a sector of the same branch. Words that may go on to a further sector are read part by part.
    """

    code = "sector.unknown"

    def of_text(self, text: str) -> tuple[str, ...]:
        """The answers of the parts of the text; a code with its title begins a part."""
        return super().of_text(NEXT.sub(";", text) if CODED.fullmatch(text) else text)

    def one(self, text: str) -> tuple[str, ...]:
        """The ISIC codes of a code or a word."""
        by_word = sectors().by_word.get(fold(text), ())
        behind = BEHIND.fullmatch(text)  # the code in brackets behind its title
        coded = CODED.fullmatch(f"{behind[2]} {behind[1]}" if behind else text.removesuffix(".0"))
        if by_word or not coded:
            return by_word
        system, code, words = (coded[1] or "").upper(), coded[2].upper(), coded[3] or coded[4]
        if system == "NAICS":
            found = sectors().of_naics(code)
        elif "." in code:
            found = sectors().of_nace(code)
        else:
            found = (code,) if code in sectors().names else ()
        if not words or same_branch(found, words):
            return found
        if (SEVERAL_NAMED if system else SEVERAL).search(words):
            return ()
        return found if system or any(same_branch(found, said) for said in words.split()) else ()

    def like(self, text: str) -> tuple[str, ...]:
        """Sectors in like words."""
        return sectors().like(text)


def same_branch(codes: tuple[str, ...], words: str) -> bool:
    """Whether the words are a sector within one of the codes, or the other way round."""
    known = sectors()
    return any(
        len(broadest((*codes, said), known.section_of)) == 1 for said in known.by_word.get(fold(words), ()) if codes
    )
