"""A machine that goes through a pickle as ``pickle`` does, and calls nothing: it notes what would be called, and with what.

Default deny: what is called is on the list, or it is a finding; what cannot be followed (a broken stream, more instructions
than the budget) is one, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from wardstead.supply.formats.joblib_arrays import NotAnArray, leap_array
from wardstead.supply.formats.pickle_allowed import allowed, current, harmful, only_empty
from wardstead.supply.formats.pickle_opcodes import ARGUMENTS, FEW, Blob, reaches_a_call
from wardstead.supply.formats.pickle_values import ANY, BUDGET, Budget, Global, Items, Made, Rules, Unknown
from wardstead.supply.ports import Inner, Malformed, Seen, Source, Step, Steps
from wardstead.supply.sources import Cursor, Memory, Window

_MOST_VALUES: Final = 4_000_000
_MOST_KEPT: Final = 2_000_000
_DEEPEST: Final = 20
_LOADER: Final = Global("torch.storage", "_load_from_bytes")
"""Harmless where what it is given is looked at, which is where it is called: not where it is handed on."""
_CALLERS: Final = frozenset({("functools", "partial"), ("torch._tensor", "_rebuild_from_type_v2")})
"""They call their first argument, or have it called."""
_SCRIPT_BUILDERS: Final = frozenset(
    {"build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "build_tensor_from_id", "restore_type_tag"}
)


_MOST_ROOM: Final = 1 << 28
_FILLED: Final = frozenset({("builtins", "bytes"), ("builtins", "bytearray")})
_GATHERED: Final = frozenset(("builtins", one) for one in ("list", "tuple", "set", "frozenset"))


def _room_for(function: Global, given: Any) -> int:
    """How many values a call makes of a number, or of all numbers up to it."""
    if function in _GATHERED and isinstance(given, Made) and given.by == ("builtins", "range"):
        numbers = given.arguments.values if isinstance(given.arguments, Items) else []
        return max((abs(one) for one in numbers if isinstance(one, int)), default=0)
    return given if function in _FILLED and isinstance(given, int) else 0


class Machine:
    """Goes through one pickle."""

    def __init__(self, source: Source, cursor: Cursor, rules: Rules, budget: Budget, depth: int = 0) -> None:
        """``cursor``: at the first instruction."""
        self._source = source
        self._cursor = cursor
        self._rules = rules
        self._budget = budget
        self._depth = depth
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._at = cursor.at
        self._found: list[Step] = []
        self._loads = self._plain = False
        self.calls = 0
        self.made: set[Global] = set()
        """What was not only named but called."""
        self.storages: dict[Any, tuple[Any, Any]] = {}
        self.value: Any = None
        names = {name for name, _ in ARGUMENTS.values()} - {"STOP", "CONSTANT", "POP"}
        self._does: dict[str, Callable[[Any], None]] = {name: getattr(self, f"_{name.lower()}") for name in names}
        self._does["POP"] = self._pop_or_unmark

    @property
    def end(self) -> int:
        """The byte after what was read."""
        return self._cursor.at

    def run(self) -> Steps:
        """To its STOP. Raises ``Malformed`` where there is none; what was found until then was yielded."""
        cursor, stack, left, does = self._cursor, self._stack, self._budget.left, self._does
        try:
            while left > 0:
                left -= 1
                self._at = cursor.at
                code = cursor.take(1)[0]
                known = ARGUMENTS.get(code)
                if known is None:
                    raise Malformed(f"0x{code:02x} is no instruction of a pickle", self._at)
                name, read = known
                argument = read(cursor)
                if name == "CONSTANT":
                    stack.append(argument)
                elif name == "STOP":
                    self.value = self._pop()
                    return
                else:
                    does[name](argument)
                    if self._found:
                        yield from self._found
                        self._found.clear()
                if len(stack) > _MOST_VALUES:
                    raise Malformed(f"it keeps more than {_MOST_VALUES:,} values at a time", self._at)
            raise Malformed(f"it has more than {BUDGET:,} instructions", self._at)
        finally:
            self._budget.left = left

    # --- the stack

    def _pop(self) -> Any:
        if not self._stack or (self._marks and self._marks[-1] >= len(self._stack)):
            raise Malformed("it takes a value where there is none", self._at)
        return self._stack.pop()

    def _top(self) -> Any:
        if not self._stack:
            raise Malformed("it takes a value where there is none", self._at)
        return self._stack[-1]

    def _marked(self) -> list[Any]:
        if not self._marks:
            raise Malformed("it takes what follows a mark where there is none", self._at)
        at = self._marks.pop()
        values = self._stack[at:]
        del self._stack[at:]
        return values

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    # --- instructions that make values

    def _mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))
        if len(self._marks) > _MOST_VALUES:
            raise Malformed(f"it sets more than {_MOST_VALUES:,} marks", self._at)

    def _pop_or_unmark(self, _: Any) -> None:
        if self._marks and self._marks[-1] == len(self._stack):
            self._marks.pop()
        else:
            self._pop()

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _dup(self, _: Any) -> None:
        self._push(self._top())

    def _empty_list(self, _: Any) -> None:
        self._push(Items([]))

    _empty_dict = _empty_tuple = _empty_list

    def _list(self, _: Any) -> None:
        self._push(self._items(self._marked()))

    _tuple = _dict = _list

    def _tuple1(self, _: Any) -> None:
        self._push(self._items([self._pop()]))

    def _tuple2(self, _: Any) -> None:
        second, first = self._pop(), self._pop()
        self._push(self._items([first, second]))

    def _tuple3(self, _: Any) -> None:
        third, second, first = self._pop(), self._pop(), self._pop()
        self._push(self._items([first, second, third]))

    def _append(self, _: Any) -> None:
        value = self._pop()
        self._into([value])

    def _appends(self, _: Any) -> None:
        values = self._marked()
        self._into(values)

    _setitems = _appends

    def _setitem(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._into([key, value])

    def _items(self, values: list[Any]) -> Items:
        if self._loads and _LOADER in values:
            self._find("pickle-dynamic", "it hands on what loads a pickle, instead of calling it")
        return Items(values)

    def _into(self, values: list[Any]) -> None:
        target, values = self._top(), self._items(values).values
        if isinstance(target, Items):
            target.add(values)
        elif isinstance(target, Global):
            self._find("pickle-state", f"it puts items into {_named(target)} itself")

    def _put(self, key: Any) -> None:
        self._memo[key] = self._top()
        if len(self._memo) > _MOST_KEPT:
            raise Malformed(f"it keeps more than {_MOST_KEPT:,} values for later", self._at)

    def _memoize(self, _: Any) -> None:
        self._put(len(self._memo))

    def _get(self, key: Any) -> None:
        if key not in self._memo:
            raise Malformed(f"it recalls value {key}, which it did not keep", self._at)
        self._push(self._memo[key])

    def _proto(self, version: Any) -> None:
        if version > 5:
            raise Malformed(f"its protocol {version} does not exist", self._at)

    def _frame(self, _: Any) -> None:
        """Frames say how much is read at once: nothing is made of them."""

    _nothing = _frame

    def _buffer(self, _: Any) -> None:
        self._push(ANY)

    # --- instructions that name and call

    def _global(self, names: Any) -> None:
        self._push(self._look_up(*names))

    def _stack_global(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            self._find("pickle-dynamic", "the name of what it calls is no text that stands there")
            self._push(ANY)
            return
        self._push(self._look_up(module, name))

    def _look_up(self, module: str, name: str) -> Global:
        self.calls += 1
        found = Global(*current(module, name))
        self._loads = self._loads or found == _LOADER
        if not self._is_allowed(found):
            if found == ("builtins", "getattr") or harmful(found.module):
                self._find("pickle-code", f"it calls {_named(found)}")
            else:
                self._find("pickle-unknown", f"it calls {_named(found)}")
        return found

    def _is_allowed(self, found: Global) -> bool:
        if self._rules.script:
            own = found.module == "__torch__" or found.module.startswith("__torch__.")
            if own or (found.module == "torch.jit._pickle" and found.name in _SCRIPT_BUILDERS):
                return True
        return allowed(found.module, found.name)

    def _reduce(self, _: Any) -> None:
        arguments, function = self._pop(), self._pop()
        self._push(self._call(function, arguments))

    def _newobj(self, _: Any) -> None:
        self._reduce(None)

    def _newobj_ex(self, _: Any) -> None:
        self._pop()
        self._reduce(None)

    def _obj(self, _: Any) -> None:
        values = self._marked()
        if not values:
            raise Malformed("it makes an object of nothing", self._at)
        self._push(self._call(values[0], self._items(values[1:])))

    def _inst(self, names: Any) -> None:
        arguments = self._items(self._marked())
        self._push(self._call(self._look_up(*names), arguments))

    def _call(self, function: Any, arguments: Any) -> Any:
        if not isinstance(function, Global):
            self._find("pickle-dynamic", "it calls what an earlier call made")
            return ANY
        self.made.add(function)
        if not isinstance(arguments, Items):
            self._find("pickle-dynamic", f"it calls {_named(function)} with what an earlier call made")
            return ANY
        given = arguments.values
        if given and only_empty(*function):
            self._find("pickle-unknown", f"it makes a {_named(function)} of something")
        if given and _room_for(function, given[0]) > _MOST_ROOM:
            self._find("bomb", f"it makes a {_named(function)} of more than {_MOST_ROOM:,} values")
        if function == ("torch.storage", "_load_from_bytes"):
            self._inside(given)
        elif function == ("_codecs", "encode"):
            if len(given) > 1 and given[1] not in {"latin1", "latin-1", "utf-8", "utf8", "ascii"}:
                self._find("pickle-code", f"it encodes with {str(given[1])[:40]!r}")
        elif function in _CALLERS and given and not isinstance(_first(arguments), Global):
            self._find("pickle-dynamic", "it has called what an earlier call made")
        return Made(function, arguments)

    def _inside(self, given: list[Any]) -> None:
        """A whole file of PyTorch inside of the pickle."""
        data = given[0] if given else None
        name = f"{self._source.name} > bytes at {self._at}"
        if isinstance(data, Made) and isinstance(data.arguments, Items) and data.arguments.values:
            text = data.arguments.values[0]  # _codecs.encode(text, "latin1"), as protocol 2 writes bytes
            data = text.encode("latin-1", "replace") if isinstance(text, str) else text
            if isinstance(data, Blob):
                self._find("pickle-dynamic", "it loads a file that it makes of a text")
                return
        if isinstance(data, bytes | Blob):
            inner: Source = Memory(data, name) if isinstance(data, bytes) else Window(self._source, *data, name)
            self._found.append(Inner(inner, "" if inner.read(0, 2) == b"PK" else "pickle"))
        else:
            self._find("pickle-dynamic", "it loads a file that only shows when it runs")

    def _build(self, _: Any) -> None:
        state, target = self._pop(), self._top()
        if isinstance(target, Global):
            self._find("pickle-state", f"it changes {_named(target)} itself")
        elif isinstance(target, Made):
            target.state = state
            if target.by == ("functools", "partial") and not isinstance(_first(state), Global):
                self._find("pickle-dynamic", "it has called what an earlier call made")
            if target.by == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
                self._array(state)
        elif not isinstance(target, Items | Unknown):
            self._find("pickle-state", "it gives a state to a plain value")

    def _array(self, state: Any) -> None:
        """joblib writes an array's bytes into the middle of the pickle, right behind what describes it."""
        if self._plain:
            return
        at = self._cursor.at
        try:
            begin, whole = leap_array(self._cursor, state)
        except NotAnArray as error:
            raise Malformed(f"an array of joblib is not described: {error}", self._at) from None
        for place in sorted({at, begin}):
            if reaches_a_call(self._source, place):
                self._found += self._read_plainly(place, whole)
        if not whole:
            if self._depth > _DEEPEST:
                raise Malformed("pickles nest too deeply in one another", self._at)
            inner = Machine(self._source, self._cursor, self._rules, self._budget, self._depth + 1)
            self._found += list(inner.run())
            self.calls += inner.calls

    def _read_plainly(self, at: int, whole: bool) -> list[Step]:
        """What would be called if an array's bytes were instructions, which they are to ``pickle.load``.

        Where they are a pickle of their own, it is looked at as one, and here names are put together that do not belong together.
        """
        twin = Machine(self._source, Cursor(self._source, at), self._rules, Budget(FEW))
        twin._plain, twin._stack, twin._marks, twin._memo = True, [*self._stack], [*self._marks], dict(self._memo)
        found: list[Step] = []
        with suppress(Malformed):
            found.extend(twin.run())
        rules = {"pickle-code", "pickle-unknown"} if whole else {"pickle-code"}
        mixed = () if whole else ("it calls numpy.", "it calls torch.")
        return [
            one for one in found if twin.made and isinstance(one, Seen) and one.rule in rules and not one.what.startswith(mixed)
        ]

    def _ext(self, number: Any) -> None:
        self._find("pickle-extension", f"it calls extension {number}")
        self._push(ANY)

    def _persid(self, name: Any) -> None:
        self._persistent(name)

    def _binpersid(self, _: Any) -> None:
        self._persistent(self._pop())

    def _persistent(self, name: Any) -> None:
        values = name.values if isinstance(name, Items) else []
        known = self._rules.persistent and len(values) >= 5 and values[0] == "storage" and isinstance(values[1], Global)
        key = values[2] if known else None
        if not (known and (isinstance(key, int) or (isinstance(key, str) and key.replace("_", "").isalnum()))):
            self._find("pickle-persistent", "a persistent id that is no storage of PyTorch's")
        else:
            self.storages[key] = (values[1].name, values[4])
        self._push(ANY)

    def _find(self, rule: str, what: str) -> None:
        self._found.append(Seen(rule, what, self._at))


def _first(items: Any) -> Any:
    return items.values[0] if isinstance(items, Items) and items.values else None


def _named(found: Global) -> str:
    return f"{found.module}.{found.name}"[:120]


def instructions(source: Source, at: int, rules: Rules, budget: Budget) -> Iterator[Machine]:
    """A machine for each of the pickles that follow one another from ``at`` on; the next begins where one has stopped."""
    while at < source.size:
        cursor = Cursor(source, at)
        machine = Machine(source, cursor, rules, budget)
        yield machine
        at = cursor.at
