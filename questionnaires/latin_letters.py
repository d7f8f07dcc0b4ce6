"""Tell Western from Central European texts, whose encodings share bytes: "Gdańsk" in one is "Gdañsk" in the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

# The letters that languages have besides a to z, where their spelling allows them: "ñ" occurs before a vowel in Spanish, "ń"
# never does in Polish. Source: the alphabets and spelling rules of the languages.
GRAVE = r"è(?=(?:[bcdfgjlmnrstvz]|[bcdfgptv][lr]|qu|gn|[cpt]h)e|s?\b)"
CARON = r"č(?!(?:[cdglmrsvz]|[fv]r)es?\b)"
WESTERN = (
    rf"[âçéêëîôüæ]|(?<=[aeou])[ïÿ]|œ(?=[iu])|û(?=[lmnrt]|\b)|{GRAVE}|[àù]\b",  # French
    r"[éóíîú]|[àèìòù]\b",  # Italian
    r"[áéíóúü¿¡]|ñ(?=[aeiouáéíóú])|[ºª]\b",  # Spanish
    r"[áâçéêíóôúü]|à\b|ã(?=[oes]|\b)|õ(?=e)|[ºª]\b",  # Portuguese
    r"[çéíïóúü]|(?<![aeiou])[àèò](?![aeiouáéíóú])",  # Catalan
    r"[áäåæéöüß]|ø(?![aeiouáéíó])",  # German, Danish, Norwegian, Swedish
    r"[áæéíóöúýðþ]",  # Icelandic
    r"[äöõüšž](?!\w*[cqwxy])",  # Estonian
    rf"[áéêëíïóöúü]|{GRAVE}",  # Dutch
)
CENTRAL = (
    r"(?<=[a-zó])ą|[óćęś]|(?<![bcfghkmpstwz])[źż]|ł(?=[aeiouyąęó])|(?<=[aeiouyąęósg])ł|ń(?![aeiouyąęó])",  # Polish
    rf"[áéíóúšžďťů]|\Bý|(?<=[bdfmnptv])ě|ř(?=[aeiouyáéěíóúůý]|\b)|ň|{CARON}(?!nes?\b)",  # Czech
    rf"[áäéíóôúšžďťň]|\Bý|ľ(?=[a-zá])|(?<=[a-zá])ľ|{CARON}(?!nes?\b)",  # Slovak
    r"[áéíóöúüőű]",  # Hungarian
    r"[âî]|(?<=[aeiouăâî])[şţ]|[şţ](?=[aeiouăâî])|ă(?!o)",  # Romanian
    rf"[ćđšž]|{CARON}",  # Croatian, Slovenian
)
TURKISH = (r"[âçîöüğış]|i\u0307",)  # İ in small letters is i with a dot above
LANGUAGES = {"cp1252": WESTERN, "mac-roman": WESTERN, "cp1254": TURKISH, "cp1250": CENTRAL}
WORDS = re.compile(rb"[A-Za-z\x80-\xff]+")
MARKS = re.compile(r"[\s“”„«»‘’–—…•·°±©®™]+")  # the same bytes in the encodings for Windows


@cache
def _compile(letters: str) -> re.Pattern[str]:
    return re.compile(rf"(?:[a-z]|{letters})+")


def count_known_words(sample: bytes, encoding: str) -> int:
    """Return how many different words with letters beyond ASCII are spelt as a language of a Latin encoding allows."""
    languages: Sequence[str] = LANGUAGES[encoding]
    runs = {run for run in WORDS.findall(sample) if not run.isascii()}
    words = {
        word for run in runs for word in MARKS.split(run.decode(encoding, "replace").lower()) if not word.isascii()
    }
    return sum(any(_compile(letters).fullmatch(word) for letters in languages) for word in words)
