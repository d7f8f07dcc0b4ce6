"""Read numbers in the digits of any script, such as Thai, Arabic, Devanagari, Khmer or Burmese, and in Chinese numerals."""

from __future__ import annotations

import re
import unicodedata

CHINESE_DIGITS = {character: digit for digit, characters in enumerate(
    ("〇零", "一壹", "二贰貳两兩", "三叁參", "四肆", "五伍", "六陆陸", "七柒", "八捌", "九玖")
) for character in characters}  # fmt: skip
CHINESE_UNITS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1_000, "仟": 1_000}
CHINESE_MYRIADS = {"万": 10_000, "萬": 10_000, "亿": 100_000_000, "億": 100_000_000}
CHINESE = re.compile("[" + "".join((*CHINESE_DIGITS, *CHINESE_UNITS, *CHINESE_MYRIADS)) + "]{1,20}")
ENDS_UNCLEARLY = re.compile(f"[百佰千仟{''.join(CHINESE_MYRIADS)}][{''.join(CHINESE_DIGITS)}]$")
COUNTED = re.compile(r"([0-9][0-9,.]{0,20}) ?[人名位個个명]")  # a number of people
SIGNS = str.maketrans({"٬": ",", "٫": ".", "،": ",", "٪": "%"})  # the Arabic signs for thousands, decimals and per cent


def read_digits(text: str) -> str:
    """Return a text with the digits 0 to 9 for those of other scripts; a Chinese numeral becomes its number.

    The text is returned in compatibility form (NFKC). What is no number stays as it is.
    """
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKC", text).translate(SIGNS)
    plain = "".join(
        character if character.isascii() or (digit := unicodedata.decimal(character, None)) is None else str(digit)
        for character in plain
    )
    if match := COUNTED.fullmatch(plain):
        plain = match[1]
    bare = plain.strip().removesuffix("人").removesuffix("名")
    if CHINESE.fullmatch(bare) and (number := read_chinese(bare)) is not None:
        return str(number)
    return plain


def read_chinese(numeral: str) -> int | None:
    """Return the number of a Chinese numeral (一千二百三十 is 1230, 二〇二四 is 2024); None if it is none, or may be two: spoken
    一万二 is 12,000, and written it is 10,002.
    """
    if all(character in CHINESE_DIGITS for character in numeral):
        return int("".join(str(CHINESE_DIGITS[character]) for character in numeral))
    if ENDS_UNCLEARLY.search(numeral):
        return None
    total = section = 0
    digit: int | None = None
    for character in numeral:
        if character in CHINESE_DIGITS:
            if digit not in (None, 0):
                return None
            digit = CHINESE_DIGITS[character]
        elif character in CHINESE_UNITS:
            section += (1 if digit is None else digit) * CHINESE_UNITS[character]
            digit = None
        else:
            total += (section + (digit or 0)) * CHINESE_MYRIADS[character]
            section, digit = 0, None
    return total + section + (digit or 0)
