"""Settings of a template's own, which people may give in words: "detailed thinking on". The template says them where nobody did.

Asking whether somebody did is no trigger as long as saying the words can bring nothing about but that they are not said twice.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from jinja2 import nodes

from wardstead.supply.formats.template_conditions import MARK, every, is_said

_WORDS: Final = re.compile(r"[A-Za-z]{2,}")


class _Side(NamedTuple):
    """What a side of a branch puts out: what was said, as it stands in the program; texts of its own."""

    said: frozenset[str]
    own: tuple[str, ...]


def asks_for_its_setting(branch: nodes.If, asked: nodes.Compare, words: list[str], tree: nodes.Template) -> bool:
    """Whether ``asked``, in the condition of ``branch``, is whether somebody gave a setting that is said there otherwise.

    Who says the words only ever makes ``in`` hold and ``not in`` fail: so they never lead to the side that adds a text, as long
    as nothing negates the condition, both sides say the same of what was said, and one of them adds no words.
    """
    if any(True for _ in every(branch.test, nodes.Not)) or [one.op for one in asked.ops] not in (["in"], ["notin"]):
        return False
    when, otherwise = _side(branch.body, tree), _side([*branch.elif_, *branch.else_], tree)
    if when is None or otherwise is None or when.said != otherwise.said:
        return False
    adds, other = (otherwise, when) if asked.ops[0].op == "in" else (when, otherwise)
    return not any(_WORDS.search(MARK.sub("", text)) for text in other.own) and all(_begun(word, adds.own) for word in words)


def renames_its_setting(given: list[object], tree: nodes.Template) -> bool:
    """Whether a replacement, of one text by another, gives a setting that the template says itself its name: "Reasoning effort:
    low" becomes "Reasoning strength: low".
    """
    old, new = (*given, None, None)[:2]
    if not isinstance(old, str) or not isinstance(new, str):
        return False
    before, after = _WORDS.findall(old.lower()), _WORDS.findall(new.lower())
    alike = len(before) == len(after) == 2 and before[0] == after[0]
    return alike and _begun(new, tuple(one for output in tree.find_all(nodes.Output) for one in _texts(output)))


def _begun(word: str, texts: tuple[str, ...]) -> bool:
    """Whether a text begins with the word, or is what the word begins with."""
    given = word.strip().lower()
    own = [text.strip().lower() for text in texts if len(_WORDS.findall(text)) > 1]
    return any(text.startswith(given) or given.startswith(text) for text in own)


def _side(body: list[nodes.Node], tree: nodes.Template) -> _Side | None:
    """``None`` where more is done than to put something out."""
    said: set[str] = set()
    own: list[str] = []
    for node in body:
        if not isinstance(node, nodes.Output):
            return None
        for call in every(node, nodes.Call):
            macro = _macro(call, tree)
            if macro is None or is_said(macro):
                return None
            own += _texts(macro)
        own += _texts(node)
        said |= {repr(one) for one in every(node, nodes.Expr) if is_said(one) and not isinstance(one, nodes.Concat | nodes.Add)}
    return _Side(frozenset(said), tuple(own))


def _texts(node: nodes.Node) -> list[str]:
    constants = [one.value for one in every(node, nodes.Const) if isinstance(one.value, str)]
    return [*constants, *(one.data for one in every(node, nodes.TemplateData))]


def _macro(call: nodes.Call, tree: nodes.Template) -> nodes.Macro | None:
    name = call.node.name if isinstance(call.node, nodes.Name) else ""
    return next((one for one in tree.find_all(nodes.Macro) if one.name == name), None)
