"""Generate invented company names for the tests of screening, and the ways in which a name differs from the listed one."""

from collections.abc import Callable
from random import Random

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


def make_word(random: Random) -> str:
    """Return a word of two or three syllables."""
    parts = [random.choice(START) + random.choice(MIDDLE) + random.choice(END) for _ in range(random.choice((2, 2, 3)))]
    return "".join(parts).capitalize()


def make_name(random: Random) -> str:
    """Return a company-like name: one to three distinctive words, usually with a trade."""
    words = [make_word(random) for _ in range(random.choice((1, 2, 2, 2, 3)))]
    return " ".join([*words, random.choice(TRADES)] if len(words) == 1 or random.random() < 0.8 else words)


def make_names(count: int, seed: int = 1) -> list[str]:
    """Return this many different names."""
    random = Random(seed)
    names: dict[str, None] = {}
    while len(names) < count:
        names[make_name(random)] = None
    return list(names)


def misspell(name: str, random: Random) -> str:
    """Leave out, double, change or swap a letter in a word of more than three letters."""
    long = [word for word in name.split() if len(word) > 3]
    word = random.choice(long)
    position = random.randrange(len(word) - 1)
    misspelt = random.choice(
        (
            word[:position] + word[position + 1 :],
            word[:position] + word[position] + word[position:],
            word[:position] + random.choice("aeioulnrst") + word[position + 1 :],
            word[:position] + word[position + 1] + word[position] + word[position + 2 :],
        )
    )
    return name.replace(word, misspelt, 1)


def add_legal_form(name: str, random: Random) -> str:
    """Add a legal form at the end, sometimes after the country."""
    country = random.choice(("", "", f" ({random.choice(list(COUNTRIES.values()))})"))
    return f"{name}{country} {random.choice(FORMS)}"


def shuffle_words(name: str, random: Random) -> str:
    """Put the words in another order."""
    parts = name.split()
    random.shuffle(parts)
    return " ".join(parts)


def remove_space(name: str, random: Random) -> str:
    """Leave out a space."""
    parts = name.split()
    position = random.randrange(len(parts) - 1) if len(parts) > 1 else 0
    return " ".join([*parts[:position], "".join(parts[position : position + 2]), *parts[position + 2 :]])


def combine_changes(name: str, random: Random) -> str:
    """Misspell, reorder, add a legal form, and write in capitals."""
    return add_legal_form(shuffle_words(misspell(name, random), random), random).upper()


CHANGES: dict[str, Callable[[str, Random], str]] = {
    "a slip": misspell,
    "a suffix": add_legal_form,
    "other order": shuffle_words,
    "run together": remove_space,
    "all at once": combine_changes,
}
