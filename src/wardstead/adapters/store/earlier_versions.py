"""What a database of an earlier version lacks is told as that, not as an alteration."""

from __future__ import annotations

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from wardstead.adapters.store.base import place
from wardstead.adapters.store.engine.dialect import dialect_of
from wardstead.kernel.errors import ConfigurationError


def tell_of_earlier_versions(engine: Engine) -> None:
    """Let ``ConfigurationError`` be raised for what is missing because a database was not brought up to date yet."""

    def told(context: ExceptionContext) -> BaseException | None:
        if not dialect_of(engine).lacks(context.original_exception):
            return None
        from wardstead.adapters.store.migrate import is_behind  # takes long to import, and hardly anybody needs it

        with engine.connect() as connection:
            if not is_behind(connection):
                return None
        return ConfigurationError(
            "the database was made by an earlier version of Wardstead", where=place(engine),
            next_step="'wardstead up' brings it up to date; an earlier version cannot use it afterwards, so keep a copy",
        )  # fmt: skip

    event.listen(engine, "handle_error", told, retval=True)
