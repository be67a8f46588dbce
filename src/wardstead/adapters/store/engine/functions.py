"""Functions that the databases call by different names."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class Each(FunctionElement[str]):
    """The strings of a JSON list, as rows."""

    name = "each"
    inherit_cache = True


@compiles(Each)
def _each(element: Each, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(Each, "postgresql")
def _each_postgresql(element: Each, compiler: Any, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS json))"
