"""In which characters a text file is written: told by its marks, by being UTF-8, or by what its language makes likely."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Mapping

from questionnaires.limits import Refused

MARKED = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
for _, known in MARKED:
    codecs.lookup(known)
SAMPLE = 100_000  # bytes that are judged
LIKELY, SURE = 0.8, 3.0  # the share of likely characters that is enough, and by how much the best must be ahead


class Script:
    """An encoding and the classes of what is likely in it, each with the logarithm of how likely one character of it is.

    What is in no class but not ASCII is ``unlikely``. The patterns are of bytes where a character may have two.
    """

    def __init__(self, encoding: str, classes: Mapping[str, float], unlikely: float, *, of_bytes: bool = True) -> None:
        self.encoding, self.of_bytes = codecs.lookup(encoding).name, of_bytes  # found now: no file is opened later
        self.weights = (*classes.values(), unlikely)
        others = ANY_DOUBLE if of_bytes else r"[^\x00-\x7f]"
        self.tokens = re.compile("|".join(f"({pattern})" for pattern in (*classes, others))).finditer

    def judge(self, sample: bytes) -> tuple[float, float]:
        """How likely a text is in all (a logarithm), and the share of its characters that are."""
        text = sample.decode("latin-1") if self.of_bytes else sample.decode(self.encoding, "replace")
        counts = Counter(token.lastindex or 0 for token in self.tokens(text))
        likely = sum(counts.values()) - counts[len(self.weights)]
        total = sum(self.weights[number - 1] * count for number, count in counts.items())
        return total, likely / max(1, counts.total())


ANY_DOUBLE = r"[\x81-\xfe][\x40-\x7e\x80-\xfe]|[\x80-\xff]"
SMALL, CAPITAL = "àáâãäåæçèéêëìíîïñòóôõöøùúûüÿßšžœ", "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŠŽŒ"


def latin(encoding: str, small: str = "", capital: str = "") -> Script:
    """An encoding of Latin letters: they stand beside plain letters, no capital behind a small one, signs between words."""
    small, capital = SMALL + small, CAPITAL + capital
    letters = (
        rf"(?<=[A-Za-z])[{small}]|[{small}](?=[A-Za-z])|(?<![a-z])[{capital}](?=[A-Za-z])|(?<=[A-Z])[{capital}]"
        r"|(?<![^\s\"'(])[àèéìíòóùúáâôøåäöüÀÈÉØÅÄÖÜ](?![^\s\"',;.)])"
    )
    signs = r"[\xa0€£°®™©§«»ºª·–—‘’“”„…•½¼¾²³±×](?![^\W\d_])|(?<![^\W\d_])[\xa0¡¿£€«“‘„–—’·](?=\w)|(?<=[A-Za-z])[’‘·](?=[A-Za-z])"
    return Script(encoding, {letters: -4.1, signs: -5.0}, -9.0, of_bytes=False)


# The classes are those of the standards: their more common characters (level 1), syllables, punctuation; the weights come
# from how many characters share how much of ordinary text.
THAI = "[กขค-ฆง-ฮ][ะัาำิ-ฺ็-๎ๅ]*|[ฯเ-ไๆ]"
SCRIPTS = (
    latin("cp1252"),
    latin("cp1254", "ğış", "ĞİŞ"),
    Script("cp874", {f"(?<![A-Za-z])(?:{THAI})(?![A-Za-z])": -6.0}, -9.0, of_bytes=False),
    Script("big5", {r"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]": -8.6, r"[\xa1-\xa3][\x40-\x7e\xa1-\xfe]": -7.0}, -12.4),
    Script(
        "cp932",
        {
            r"\x82[\x9f-\xf1]": -5.5,  # hiragana
            r"\x83[\x40-\x96]": -6.3,  # katakana
            r"\x81[\x40-\xac]|\x82[\x4f-\x9a]": -7.0,
            r"[\x88-\x97][\x40-\x7e\x80-\xfc]|\x98[\x40-\x72]": -8.9,
        },
        -12.0,
    ),
    Script("gb18030", {r"[\xb0-\xd7][\xa1-\xfe]": -8.3, r"[\xa1-\xa3][\xa1-\xfe]": -8.4}, -13.8),
    Script("cp949", {r"[\xb0-\xc8][\xa1-\xfe]": -7.9, r"[\xa1-\xa3][\xa1-\xfe]": -8.4}, -13.4),
    Script(
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


def decode(data: bytes) -> tuple[str, str]:
    """The text and the encoding it is written in. Raises Refused (``csv.encoding``, ``csv.nul``) where it cannot be told."""
    for mark, encoding in MARKED:
        if data.startswith(mark):
            text = strictly(data, encoding)
            if text is None:
                raise Refused("csv.encoding")
            break
    else:
        if b"\0" in data:
            raise Refused("csv.encoding" if data.count(0) * 5 > len(data) else "csv.nul")
        text, encoding = strictly(data, "utf-8"), "utf-8"
        if text is None:
            text, encoding = guessed(data)
    if "\0" in text:
        raise Refused("csv.nul")
    return text, encoding


def strictly(data: bytes, encoding: str) -> str | None:
    """The text, or None where the bytes are not in the encoding."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def guessed(data: bytes) -> tuple[str, str]:
    """The text in the one encoding in which it makes sense. Raises Refused where there is none, or more than one."""
    sample = b"\n".join(line for line in data.split(b"\n") if not line.isascii())[:SAMPLE]
    found = []
    for script in SCRIPTS:
        text = strictly(data, script.encoding)
        if text is not None:
            how_likely, share = script.judge(sample)
            if share >= LIKELY:
                found.append((how_likely, text, script.encoding))
    found.sort(key=lambda each: -each[0])  # of equals, the first listed stays first
    if not found:
        raise Refused("csv.encoding")
    best, text, encoding = found[0]
    for near, other_text, other in found[1:]:
        if best - near < SURE and other_text != text:
            raise Refused("csv.encoding", f"It may be {encoding} or {other}.")
    return text, encoding
