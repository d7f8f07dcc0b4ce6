"""Invented companies, vessels and people for the tests of screening, and what happens to names on their way into a list."""

import random
from collections.abc import Callable

START = "b br ch d dr f g gr h j k kh l m n p ph r s sh st t th tr v w y z".split()
MIDDLE = "a e i o u ai au ea ia oo".split()
END = " n r l s m k ng t nd".split(" ")
TRADES = "Seafood Garments Fishing Foods Textiles Manpower Construction Rubber Gloves Timber Packing Trading".split()
FORMS = [
    "Co., Ltd.",
    "Ltd",
    "Limited",
    "LLC",
    "Sdn Bhd",
    "Pte. Ltd.",
    "GmbH",
    "S.A. de C.V.",
    "Pvt. Ltd.",
    "W.L.L.",
    "A.Ş.",
]
COUNTRIES = {"TH": "Thailand", "MY": "Malaysia", "VN": "Vietnam", "QA": "Qatar", "BD": "Bangladesh", "TW": "Taiwan"}


def a_word(draw: random.Random) -> str:
    """Two or three syllables."""
    parts = [draw.choice(START) + draw.choice(MIDDLE) + draw.choice(END) for _ in range(draw.choice((2, 2, 3)))]
    return "".join(parts).capitalize()


def a_name(draw: random.Random) -> str:
    """A company-like name: one to three words of its own, most with a trade."""
    own = [a_word(draw) for _ in range(draw.choice((1, 2, 2, 2, 3)))]
    return " ".join([*own, draw.choice(TRADES)] if len(own) == 1 or draw.random() < 0.8 else own)


def names(count: int, seed: int = 1) -> list[str]:
    """So many names, no two the same."""
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[a_name(draw)] = None
    return list(found)


def a_slip(name: str, draw: random.Random) -> str:
    """A letter left out, doubled, changed, or swapped with its neighbour, in a word of more than three."""
    long = [word for word in name.split() if len(word) > 3]
    word = draw.choice(long)
    at = draw.randrange(len(word) - 1)
    changed = draw.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + draw.choice("aeioulnrst") + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
    )
    return name.replace(word, changed, 1)


def with_a_suffix(name: str, draw: random.Random) -> str:
    """A legal form at the end, some with the country before it."""
    country = draw.choice(("", "", f" ({draw.choice(list(COUNTRIES.values()))})"))
    return f"{name}{country} {draw.choice(FORMS)}"


def shuffled(name: str, draw: random.Random) -> str:
    """The words in another order."""
    parts = name.split()
    draw.shuffle(parts)
    return " ".join(parts)


def run_together(name: str, draw: random.Random) -> str:
    """A blank left out."""
    parts = name.split()
    at = draw.randrange(len(parts) - 1) if len(parts) > 1 else 0
    return " ".join([*parts[:at], "".join(parts[at : at + 2]), *parts[at + 2 :]])


def all_at_once(name: str, draw: random.Random) -> str:
    """A slip, another order, a suffix, in capitals."""
    return with_a_suffix(shuffled(a_slip(name, draw), draw), draw).upper()


CHANGES: dict[str, Callable[[str, random.Random], str]] = {
    "a slip": a_slip,
    "a suffix": with_a_suffix,
    "other order": shuffled,
    "run together": run_together,
    "all at once": all_at_once,
}
