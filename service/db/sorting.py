"""Sort text in the same order on both databases: by code point, with rows that have none at the end."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class by_code_point(FunctionElement[str]):  # noqa: N801  written like the functions of SQLAlchemy
    """Return a text as it is sorted: PostgreSQL would otherwise follow the language of its installation."""

    name = "by_code_point"
    inherit_cache = True


@compiles(by_code_point)
def _compile(element: by_code_point, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(by_code_point, "postgresql")
def _compile_for_postgresql(element: by_code_point, compiler: Any, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)}) COLLATE "C"'
