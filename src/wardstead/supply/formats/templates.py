"""Chat templates: programs in Jinja that every prompt goes through. They are parsed, never rendered.

Looked for are four kinds of mischief: reaching for the interpreter that renders them (CVE-2024-34359), costing without end,
saying what nobody said, and leaving out or relabelling what somebody did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser

from wardstead.supply.formats.template_cost import costs
from wardstead.supply.formats.template_folding import UNKNOWN, Constants
from wardstead.supply.formats.template_speech import speech
from wardstead.supply.ports import Seen, Source, Steps
from wardstead.supply.sources import text_of

_MOST: Final = 192 << 10
_HIDDEN_NAME: Final = re.compile(r"__[a-z]+__|\b_+[A-Za-z]\w*__\w+")
_INNARDS: Final = frozenset(
    {
        "mro",
        "func_globals",
        "func_code",
        "gi_frame",
        "gi_code",
        "cr_frame",
        "cr_code",
        "ag_frame",
        "ag_code",
        "f_globals",
        "f_locals",
        "f_builtins",
        "f_back",
        "tb_frame",
        "tb_next",
        "im_func",
        "im_self",
        "environment",
        "eval_ctx",
        "modules",
        "popen",
        "subclasses",
    }
)
"""Names of attributes that lead from a value to the interpreter (CPython, Library Reference, ``inspect``)."""
_READERS: Final = frozenset({"attr", "map", "selectattr", "rejectattr", "groupby", "sort", "sum"})
"""Filters that read an attribute."""
_INVISIBLE: Final = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f\x1b]")


class _Generation(Extension):
    """``{% generation %}``, which transformers defines to mark what a model says."""

    tags = {"generation"}  # noqa: RUF012 -- as the library declares it

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """What it holds."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def check(source: Source) -> Steps:
    """What is wrong with a file that is a template."""
    yield from check_text(text_of(source), "")


def check_text(text: str, where: str) -> Steps:
    """What is wrong with a template that stands at ``where`` (a key of a configuration)."""
    at = f"{where}, " if where else ""
    if len(text) > _MOST:
        yield Seen("template-unread", f"{at}{len(text):,} characters; {_MOST:,} are read")
        return
    try:
        tree = Environment(extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do", _Generation]).parse(text)  # noqa: S701
    except TemplateError as error:
        yield Seen("template-unread", f"{at}line {getattr(error, 'lineno', 0)}: {type(error).__name__}")
        return
    constants = Constants(tree)
    done: set[tuple[str, str]] = set()
    for rule, line, what in [*_reaches(tree, constants), *costs(tree, constants), *speech(tree, constants), *_unseen(text)]:
        if (rule, what) not in done:
            done.add((rule, what))
            yield Seen(rule, f"{at}line {line}: {what}")


Found = Iterator[tuple[str, int, str]]


def _unseen(text: str) -> Found:
    if (found := _INVISIBLE.search(text)) is not None and found.start():
        line = text.count("\n", 0, found.start()) + 1
        yield "template-instructions", line, f"it holds the invisible character U+{ord(found[0]):04X}"


def _reaches(tree: nodes.Template, constants: Constants) -> Found:
    """Ways out of the template."""
    for node in tree.find_all(nodes.Node):
        line = getattr(node, "lineno", 0)
        if isinstance(node, nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends):
            yield "template-code", line, "it loads another template"
        elif isinstance(node, nodes.Getattr):
            yield from _named(node.attr, line)
        elif isinstance(node, nodes.Getitem):
            yield from _item(node.arg, line, constants)
        elif isinstance(node, nodes.Filter) and node.name in _READERS:
            yield from _filter(node, line, constants)
        elif isinstance(node, nodes.Name) and node.ctx == "load" and (node.name == "self" or node.name.startswith("__")):
            yield "template-code", line, f"it uses {node.name[:40]!r}"
        elif isinstance(node, nodes.Const | nodes.TemplateData):
            text = node.value if isinstance(node, nodes.Const) else ""
            if isinstance(text, str) and _HIDDEN_NAME.search(text):
                yield "template-code", line, "it holds the name of an inner attribute as a text"
        elif isinstance(node, nodes.Expr):
            text = constants.fold(node)
            if isinstance(text, str) and _HIDDEN_NAME.search(text):
                yield "template-code", line, "it puts the name of an inner attribute together"


def _named(name: str, line: int) -> Found:
    if name.startswith("_") or name in _INNARDS:
        yield "template-code", line, f"it reads the inner attribute {name[:40]!r}"


def _item(key: nodes.Expr, line: int, constants: Constants) -> Found:
    name = constants.fold(key)
    if isinstance(name, str):
        yield from _named(name, line)
    elif name is UNKNOWN and not isinstance(key, nodes.Slice) and constants.builds_text(key):
        yield "template-dynamic", line, "the name of what it reads is put together as it runs"


def _filter(node: nodes.Filter, line: int, constants: Constants) -> Found:
    named = [one.value for one in node.kwargs if one.key == "attribute"]
    keys = named if node.name in {"map", "sort", "sum"} else [*node.args[:1], *named]
    if node.name == "map" and node.args and constants.fold(node.args[0]) == "attr":
        keys += node.args[1:]
    for key in keys:
        name = constants.fold(key)
        if not isinstance(name, str | int):
            yield "template-code", line, f"its filter {node.name!r} reads what only shows when it runs"
        else:
            for part in str(name).split("."):
                yield from _named(part, line)
