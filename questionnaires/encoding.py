"""Detect the encoding of a text file: by its byte order mark, by being valid UTF-8, or by which characters are likely."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from questionnaires.latin_letters import LANGUAGES, count_known_words
from questionnaires.limits import FileRefused

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
for codec in (*(codec for _, codec in BYTE_ORDER_MARKS), "utf-16-le", "utf-16-be"):
    codecs.lookup(codec)
SAMPLE_BYTES = 100_000  # how much of a file is scored
MIN_LIKELY_SHARE, MIN_LEAD = 0.8, 3.0  # the share of likely characters needed, and the lead of the best score


# What spreadsheet programs call the encodings, by the names of Python.
NAMES = {
    "cp1252": "Western European (Windows-1252)",
    "cp1254": "Turkish (Windows-1254)",
    "mac-roman": "Western European (Mac)",
    "cp1250": "Central European (Windows-1250)",
    "cp1251": "Cyrillic (Windows-1251)",
    "cp1256": "Arabic (Windows-1256)",
    "cp874": "Thai (Windows-874)",
    "big5": "Traditional Chinese (Big5)",
    "cp932": "Japanese (Shift-JIS)",
    "gb18030": "Simplified Chinese (GB18030)",
    "cp949": "Korean (Windows-949)",
    "euc_jp": "Japanese (EUC)",
}


class DecodedText(NamedTuple):
    """The text of a file and its encoding; ``encodings``: all that are about equally likely if there are several, best first."""

    text: str
    encoding: str
    encodings: tuple[str, ...] = ()


class EncodingModel:
    """An encoding and the classes of characters likely in it, each with the log-probability of one character of the class.

    Other characters that are not ASCII have the log-probability ``unlikely``. Patterns match bytes (``by_bytes``) if a character
    may have two of them, and words each of whose characters counts if ``by_character``.
    """

    def __init__(
        self,
        encoding: str,
        classes: Mapping[str, float],
        unlikely: float,
        *,
        by_bytes: bool = True,
        by_character: bool = False,
    ) -> None:
        # Looked up now, because no file can be opened later.
        self.encoding, self.by_bytes, self.by_character = codecs.lookup(encoding).name, by_bytes, by_character
        self.weights = (*classes.values(), unlikely)
        others = ANY_DOUBLE if by_bytes else r"[^\x00-\x7f]"
        self.find_tokens = re.compile("|".join(f"({pattern})" for pattern in (*classes, others))).finditer

    def score(self, sample: bytes) -> tuple[float, float]:
        """Return the log-probability of a sample, and the share of its characters that are likely (0 to 1)."""
        text = sample.decode("latin-1") if self.by_bytes else sample.decode(self.encoding, "replace")
        counts: Counter[int] = Counter()
        for token in self.find_tokens(text):
            counts[token.lastindex or 0] += len(token[0]) if self.by_character else 1
        likely = sum(counts.values()) - counts[len(self.weights)]
        total = sum(self.weights[number - 1] * count for number, count in counts.items())
        return total, likely / max(1, counts.total())


ANY_DOUBLE = r"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x80-\xff]"
SMALL, CAPITAL = "àáâãäåæçèéêëìíîïñòóôõöøùúûüÿßšžœ", "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŠŽŒ"


def build_latin_model(encoding: str, small: str = "", capital: str = "") -> EncodingModel:
    """Build the model of a Latin encoding: accents beside plain letters, no capital after a small one, signs between words."""
    small, capital = SMALL + small, CAPITAL + capital
    letters = (
        rf"(?<=[A-Za-z])[{small}]|[{small}](?=[A-Za-z])|(?<![a-z{small}])[{capital}](?=[A-Za-z])|(?<=[A-Z])[{capital}]"
        r"|(?<![^\s\"'(])[àèéìíòóùúáâôøåäöüÀÈÉØÅÄÖÜ](?![^\s\"',;.)])"
    )
    signs = r"[\xa0€£°®™©§«»ºª·–—‘’“”„…•½¼¾²³±×](?![^\W\d_])|(?<![^\W\d_])[\xa0¡¿£€«“‘„–—’·](?=\w)|(?<=[A-Za-z])[’‘·](?=[A-Za-z])"
    return EncodingModel(encoding, {letters: -4.1, signs: -5.0}, -9.0, by_bytes=False)


def build_central_model() -> EncodingModel:
    """Build the model of the Central European encoding, whose accents often stand beside each other: "Łódź"."""
    small, capital = "áâäçéëíîóôöúüýßąăćčďđęěĺľłńňőŕřśşšťţůűźžż", "ÁÂÄÇÉËÍÎÓÔÖÚÜÝĄĂĆČĎĐĘĚĹĽŁŃŇŐŔŘŚŞŠŤŢŮŰŹŽŻ"
    any_small, any_capital = f"a-z{small}", f"A-Z{capital}"
    letters = (
        rf"(?<=[{any_small}{any_capital}])[{small}](?![{any_capital}])|[{small}](?=[{any_small}])"
        rf"|(?<![{any_small}])[{capital}](?=[{any_small}{any_capital}])|(?<=[{any_capital}])[{capital}]"
    )
    return EncodingModel("cp1250", {letters: -4.1, r"[\xa0€°®™©§«»·–—‘’“”„…•±×]": -5.0}, -9.0, by_bytes=False)


# The classes follow the standards: the more common characters (level 1), syllables, punctuation. The weights come from how
# many characters make up how much of ordinary text.
THAI = "[กขค-ฆง-ฮ][ะัาำิ-ฺ็-๎ๅ]*|[ฯเ-ไๆ]"
# Of alphabets with capitals, words are all small, all capital or capital first; no letter stands beside a Latin one.
CYRILLIC_WORD = r"(?<![A-Za-zА-яЁё])[А-ЯЁІЇЄҐЎ]?[а-яёіїєґў]+(?![A-ZА-ЯЁa-z])|(?<![A-Za-zА-яЁё])[А-ЯЁІЇЄҐЎ]+(?![а-яa-z])"
ARABIC_WORD = r"(?<![A-Za-z\u0621-\u064a])[\u0621-\u064aپچژگک،؛؟]+(?![A-Za-z])"
MODELS = (
    build_latin_model("cp1252"),
    build_latin_model("cp1254", "ğış", "ĞİŞ"),
    build_latin_model("mac_roman"),
    build_central_model(),
    EncodingModel("cp1251", {CYRILLIC_WORD: -4.0, r"[№«»—–\xa0]": -5.0}, -9.0, by_bytes=False, by_character=True),
    EncodingModel("cp1256", {ARABIC_WORD: -3.6, r"[\u200c\u200d\xa0]": -5.0}, -9.0, by_bytes=False, by_character=True),
    EncodingModel("cp874", {f"(?<![A-Za-z])(?:{THAI})(?![A-Za-z])": -6.0}, -9.0, by_bytes=False),
    EncodingModel("big5", {r"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]": -8.6, r"[\xa1-\xa3][\x40-\x7e\xa1-\xfe]": -7.0}, -12.4),
    EncodingModel(
        "cp932",
        {
            r"\x82[\x9f-\xf1]": -5.5,  # hiragana
            r"\x83[\x40-\x96]": -6.3,  # katakana
            r"\x81[\x40-\xac]|\x82[\x4f-\x9a]": -7.0,
            r"[\x88-\x97][\x40-\x7e\x80-\xfc]|\x98[\x40-\x72]": -8.9,
        },
        -12.0,
    ),
    EncodingModel("gb18030", {r"[\xb0-\xd7][\xa1-\xfe]": -8.3, r"[\xa1-\xa3][\xa1-\xfe]": -8.4}, -13.8),
    EncodingModel("cp949", {r"[\xb0-\xc8][\xa1-\xfe]": -7.9, r"[\xa1-\xa3][\xa1-\xfe]": -8.4}, -13.4),
    EncodingModel(
        "euc_jp",
        {
            r"\xa4[\xa1-\xf3]": -5.5,
            r"\xa5[\xa1-\xf6]": -6.3,
            r"\xa1[\xa1-\xfe]|\xa3[\xb0-\xfa]": -7.0,
            r"[\xb0-\xcf][\xa1-\xfe]": -8.9,
        },
        -12.7,
    ),
)


def decode_text(data: bytes, chosen: str | None = None) -> DecodedText:
    """Return the text of a file, its encoding and, if several are likely, all of these.

    ``chosen``: which of several to use; if it is none of them ("" for example), the likeliest is used. Raises FileRefused:
    ``csv.encoding`` if none is likely, or if several are and ``chosen`` is None; ``csv.nul``.
    """
    likely: list[tuple[str, str]] = []
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            text = try_decode(data, encoding)
            if text is None:
                raise FileRefused("csv.encoding")
            break
    else:
        text, encoding = try_decode(data, "utf-8"), "utf-8"
        if b"\0" in data:
            text, encoding = decode_utf16(data)
        if text is None:
            likely = guess_encodings(data)
            if len(likely) > 1 and chosen is None:
                raise FileRefused("csv.encoding", f"It could be {list_names(name for _, name in likely)}.")
            text, encoding = next((one for one in likely if one[1] == chosen), likely[0])
    if "\0" in text:
        raise FileRefused("csv.nul")
    return DecodedText(text, encoding, tuple(name for _, name in likely) if len(likely) > 1 else ())


def list_names(encodings: Iterable[str]) -> str:
    """Return the names of encodings as a text: "Western European (Windows-1252) or Central European (Windows-1250)"."""
    return " or ".join(NAMES.get(encoding, encoding) for encoding in encodings)


def decode_utf16(data: bytes) -> tuple[str, str]:
    """Return the text of a file in UTF-16 without a byte order mark, and its encoding.

    Every second byte of its separators and Latin letters is NUL, and few of the others. Raises FileRefused.
    """
    first, second = data[0::2].count(0), data[1::2].count(0)
    encoding = "utf-16-le" if second > first else "utf-16-be"
    text = try_decode(data, encoding) if min(first, second) * 2 < max(first, second) else None
    if text is None or "\n" not in text or not any(separator in text for separator in ",;\t"):
        raise FileRefused("csv.encoding" if data.count(0) * 5 > len(data) else "csv.nul")
    return text, encoding


def try_decode(data: bytes, encoding: str) -> str | None:
    """Return the text, or None if the bytes are not valid in the encoding."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def guess_encodings(data: bytes) -> list[tuple[str, str]]:
    """Return the text in each encoding in which it is about equally likely, with the encoding; the likeliest first.

    Of encodings in which the text is the same, the first is given. Raises FileRefused if there is none.
    """
    sample = b"\n".join(line for line in data.split(b"\n") if not line.isascii())[:SAMPLE_BYTES]
    candidates = []
    for model in MODELS:
        text = try_decode(data, model.encoding)
        if text is not None:
            score, share = model.score(sample)
            if share >= MIN_LIKELY_SHARE:
                candidates.append((score, text, model.encoding))
    candidates = _choose_between_latin(candidates, sample)
    candidates.sort(key=lambda candidate: -candidate[0])  # if several are equal, the first listed stays first
    if not candidates:
        raise FileRefused("csv.encoding")
    best, _, encoding = candidates[0]
    likely: dict[str, str] = {}
    for score, text, other_encoding in candidates:
        if other_encoding == "mac-roman" and encoding == "cp1252":
            continue  # of the two, the one that is common unless the other is clearly better
        if best - score < MIN_LEAD:
            likely.setdefault(text, other_encoding)
    return list(likely.items())


def _choose_between_latin(candidates: list[tuple[float, str, str]], sample: bytes) -> list[tuple[float, str, str]]:
    """Return the candidates without those whose Latin letters fit fewer words; all of them if Western and Central European
    letters fit equally many, so that the sender is asked.
    """
    known = {encoding: count_known_words(sample, encoding) for *_, encoding in candidates if encoding in LANGUAGES}
    central, other = known.get("cp1250", 0), max((known[name] for name in known if name != "cp1250"), default=0)
    if "cp1250" not in known or (central == other > 0):
        return candidates
    is_central = central > other
    return [one for one in candidates if one[2] not in LANGUAGES or (one[2] == "cp1250") == is_central]
