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


class NowMs(FunctionElement[int]):
    """The database's clock, in milliseconds since the epoch."""

    name = "now_ms"
    inherit_cache = True


@compiles(NowMs)
def _now_ms(_element: NowMs, _compiler: Any, **_options: Any) -> str:
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"


@compiles(NowMs, "postgresql")
def _now_ms_postgresql(_element: NowMs, _compiler: Any, **_options: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
