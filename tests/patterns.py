"""Every pattern of the code, and the texts on which it is slowest, as far as the pattern itself shows them."""

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from re import _constants as op
from re import _parser as parser
from types import ModuleType

PACKAGES = ("questionnaires", "risk_models", "reports", "service")
# Runs of one character or a few that hold up patterns: what a stranger would try first.
UNITS = (
    "a", "A", "0", " ", ".", "-", "@", "(", ",", "a.", "a@", "a ", "0 ", "0.", "0-", "A0", "T", "a-", "\u200b", "\t", "\n",
    "'", '"', "/", "\u0661", "\u4e00", "\u0e01", "\u1000", "\u0600", "a@a.", "at ", "[at]", "\\",
)  # fmt: skip


def iter_modules() -> Iterator[ModuleType]:
    """Yield every module of the code, except migrations, which run on import."""
    for package in PACKAGES:
        root = importlib.import_module(package)
        yield root
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if ".migrations." not in found.name and not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def find_patterns(value: object, depth: int = 0) -> Iterator[re.Pattern]:
    """Yield the patterns in a value: itself, or what a collection, a named tuple or a dataclass of ours holds."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 4 and isinstance(value, Mapping):
        for item in value.values():
            yield from find_patterns(item, depth + 1)
    elif depth < 4 and isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from find_patterns(item, depth + 1)


def sample_characters(tree: object) -> Iterator[str]:
    """Yield characters that parts of a parsed pattern match."""
    for token, argument in tree:
        if token is op.LITERAL:
            yield chr(argument)
        elif token is op.IN:
            for kind, what in argument:
                if kind is op.LITERAL:
                    yield chr(what)
                elif kind is op.RANGE:
                    yield chr(what[0])
                elif kind is op.CATEGORY:
                    yield {op.CATEGORY_DIGIT: "0", op.CATEGORY_SPACE: " ", op.CATEGORY_WORD: "a"}.get(what, "-")
                elif kind is op.NEGATE:
                    yield "a"
        elif token in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            yield from sample_characters(argument[2])
        elif token is op.SUBPATTERN:
            yield from sample_characters(argument[3])
        elif token in (op.ASSERT, op.ASSERT_NOT):
            yield from sample_characters(argument[1])
        elif token is op.ATOMIC_GROUP:
            yield from sample_characters(argument)
        elif token is op.BRANCH:
            for branch in argument[1]:
                yield from sample_characters(branch)


def sample_match(tree: object, times: int) -> str:
    """Return a text that a parsed pattern matches or nearly matches, with each part as often as allowed, ``times`` at most."""
    text = ""
    for token, argument in tree:
        if token in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            least, most, part = argument
            text += sample_match(part, 1) * max(least, min(times, int(most)))
        elif token is op.SUBPATTERN:
            text += sample_match(argument[3], times)
        elif token is op.ATOMIC_GROUP:
            text += sample_match(argument, times)
        elif token is op.BRANCH:
            text += sample_match(argument[1][0], times)
        elif token in (op.LITERAL, op.IN):
            text += next(sample_characters([(token, argument)]), "")
        elif token in (op.ANY, op.NOT_LITERAL):
            text += "a"
    return text


def list_units(pattern: re.Pattern) -> list[str]:
    """List short texts whose repetition may be slow for a pattern: common ones, its own characters, pairs of them, matches."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(source, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    characters = list(dict.fromkeys(sample_characters(tree)))[:12]
    pairs = [a + b for a in characters[:6] for b in characters[:6] if a != b]
    matches = [sample_match(tree, times) for times in (1, 2, 7)]
    matches += [match[:-1] for match in matches]
    return [unit for unit in dict.fromkeys((*UNITS, *characters, *pairs, *matches)) if unit]
