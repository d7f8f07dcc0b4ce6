"""When a question is asked: a small language of conditions on the answers to other questions.

    housing != 'not_provided' and (workers_migrant > 0 or not uses_agencies == 'no')

A condition compares answers with ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, ``in [...]`` and ``not in [...]``, and combines
comparisons with ``and``, ``or``, ``not`` and parentheses, as Python does. Codes are in quotation marks; numbers are not. A
question that has no answer, or was declined, satisfies no comparison: ``uses_agencies != 'no'`` needs an answer, but
``not uses_agencies == 'no'`` does not. If a question has several answers, ``==`` and ``in`` are satisfied by any of them.

:func:`parse_relevant` builds the tree, :func:`is_relevant` evaluates it, and :func:`format_xlsform` writes it as XLSForm does.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

from questionnaires.parse.answer import RESERVED_ANSWERS

OPERATORS: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda answer, bound: answer < bound,
    "<=": lambda answer, bound: answer <= bound,
    ">": lambda answer, bound: answer > bound,
    ">=": lambda answer, bound: answer >= bound,
}
NEGATIVE = ("!=", "not in")


class RelevanceError(ValueError):
    """A condition that is not in the language, with the reason."""


@dataclass(frozen=True)
class Comparison:
    """A question compared with values: with one of them, or, for "in" and "not in", with any."""

    question: str
    operator: str
    values: tuple[str | float, ...]

    def is_satisfied(self, answer: object) -> bool:
        """Return whether an answer satisfies the comparison; none, or a refusal to answer, never does."""
        answers = answer if isinstance(answer, tuple | list) else (answer,)
        given = [each for each in answers if each is not None and each not in ("", *RESERVED_ANSWERS)]
        if not given:
            return False
        if self.operator in ORDER:
            (bound,) = self.values
            return any(_is_number(each) and ORDER[self.operator](float(each), float(bound)) for each in given)
        return any(each in self.values for each in given) != (self.operator in NEGATIVE)


@dataclass(frozen=True)
class Not:
    """Holds where its part does not."""

    part: Condition


@dataclass(frozen=True)
class AllOf:
    """Holds where all its parts do."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """Holds where one of its parts does."""

    parts: tuple[Condition, ...]


Condition = Comparison | Not | AllOf | AnyOf


def parse_relevant(text: str) -> Condition:
    """Parse a condition. Raises :class:`RelevanceError` with the reason if it is not in the language."""
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RelevanceError(f"cannot be read: {getattr(error, 'msg', error)}") from error
    return _build_condition(tree.body)


def _build_condition(node: ast.expr) -> Condition:
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return AllOf(tuple(map(_build_condition, values)))
        case ast.BoolOp(op=ast.Or(), values=values):
            return AnyOf(tuple(map(_build_condition, values)))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Not(_build_condition(operand))
        case ast.Compare(left=ast.Name(id=question), ops=[operator], comparators=[right]) if (
            type(operator) in OPERATORS
        ):
            return _build_comparison(question, OPERATORS[type(operator)], right)
    raise RelevanceError(f"'{ast.unparse(node)}' does not compare a question with a value")


def _build_comparison(question: str, operator: str, right: ast.expr) -> Comparison:
    is_list = isinstance(right, ast.List | ast.Tuple)
    if is_list != (operator in ("in", "not in")):
        raise RelevanceError(f"'in' takes a list of values, and '{operator}' cannot be used with {ast.unparse(right)}")
    values = tuple(map(_read_value, right.elts if isinstance(right, ast.List | ast.Tuple) else [right]))
    if not values:
        raise RelevanceError(f"the list after {question} is empty")
    if operator in ORDER and not all(map(_is_number, values)):
        raise RelevanceError(f"'{operator}' compares numbers, and {values[0]!r} is text")
    return Comparison(question, operator, values)


def _read_value(node: ast.expr) -> str | float:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = None
    if isinstance(value, str) and "'" not in value:
        return value
    if _is_number(value):
        return float(value)
    raise RelevanceError(f"'{ast.unparse(node)}' is neither a code in quotation marks nor a number")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_relevant(condition: Condition, answers: Mapping[str, object]) -> bool:
    """Return whether a condition holds for the answers given so far, by question id."""
    match condition:
        case Comparison():
            return condition.is_satisfied(answers.get(condition.question))
        case Not(part):
            return not is_relevant(part, answers)
        case AllOf(parts):
            return all(is_relevant(part, answers) for part in parts)
        case AnyOf(parts):
            return any(is_relevant(part, answers) for part in parts)


def iter_comparisons(condition: Condition) -> Iterator[Comparison]:
    """Yield the comparisons of a condition, from left to right."""
    match condition:
        case Comparison():
            yield condition
        case Not(part):
            yield from iter_comparisons(part)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from iter_comparisons(part)


def format_xlsform(condition: Condition, several: Set[str] = frozenset()) -> str:
    """Return a condition as an XLSForm ``relevant`` expression; ``several``: the questions that take several answers."""
    match condition:
        case Comparison():
            return _format_comparison(condition, condition.question in several)
        case Not(part):
            return f"not({format_xlsform(part, several)})"
        case AllOf(parts):
            return " and ".join(_enclose(part, several) for part in parts)
        case AnyOf(parts):
            return " or ".join(_enclose(part, several) for part in parts)


def _enclose(part: Condition, several: Set[str]) -> str:
    text = format_xlsform(part, several)
    return f"({text})" if isinstance(part, AllOf | AnyOf) or (" and " in text and not isinstance(part, Not)) else text


def _format_comparison(comparison: Comparison, takes_several: bool) -> str:
    """Write a comparison. In XPath an empty answer differs from every value, so ``!=`` also asks that there is one."""
    field, operator = f"${{{comparison.question}}}", comparison.operator
    if operator in ORDER:
        return f"{field} {operator} {_format_value(comparison.values[0])}"
    equal = [
        f"selected({field}, {_format_value(value)})" if takes_several else f"{field} = {_format_value(value)}"
        for value in comparison.values
    ]
    text = " or ".join(equal)
    if operator in NEGATIVE:
        return f"{field} != '' and not({text})"
    return text if len(equal) == 1 else f"({text})"


def _format_value(value: str | float) -> str:
    return f"'{value}'" if isinstance(value, str) else f"{value:.15g}"
