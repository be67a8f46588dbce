"""What a template makes of a conversation: who said what, what is left out, and what is added that nobody said.

These are judgements about a program's intent by its form. What real templates do (a default system prompt where none is
given, roles renamed for a model that has no system role, instructions for the use of tools) is let pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from jinja2 import nodes

from wardstead.supply.formats.template_conditions import MARK, compares, is_said, mentions, name_of, negated, roles_of
from wardstead.supply.formats.template_folding import Constants
from wardstead.supply.formats.template_heard import Heard
from wardstead.supply.formats.template_orders import order_in
from wardstead.supply.formats.template_settings import asks_for_its_setting, renames_its_setting
from wardstead.supply.formats.template_system import asks_for_system, left_out

Found = Iterator[tuple[str, int, str]]
_ENCLOSED: Final = re.compile(r"<([\w:|-]{1,40})>[^<>]{0,400}(?:<[^<>]*>[^<>]{0,400}){0,3}</\1>")
"""What stands between two marks, such as an empty thought."""
_ADDRESS: Final = re.compile(r"(?i)\b(?:https?|ftp|wss?)://|\bwww\.[a-z0-9-]+\.|!\[[^\]]*\]\(")
_ENCODED: Final = re.compile(r"(?<![A-Za-z0-9+/])(?=[^\n]*\d)(?=[^\n]*[A-Z])[A-Za-z0-9+/]{64,}={0,2}")
_EAGER: Final = re.compile(r"(?i)\b(?:sure|certainly|of course|absolutely|yes|okay|ok|here is|here's|i will|i'll|i can)\b")
_THOUGHTS: Final = re.compile(
    r"(?i)\A[^a-z]*(?:assistant)?[^a-z]*(?:here are )?(?:my |the )?(?:reasoning|thinking|thoughts)(?: steps| process)?:\s*\Z"
)
"""A heading over what a model thinks before it answers."""
_WORD: Final = re.compile(r"[A-Za-z]{2,}")
_OTHER_LETTER: Final = re.compile(r"[^\W\d_a-zA-Z]")
_FEW_LETTERS: Final = 8
"""Of another script: ``答：``, ``アシスタント`` and ``помощник`` begin answers, too, but as a mark or a word."""
_HEADINGS: Final = frozenset({"assistant", "model", "response", "gpt", "correct", "start", "final", "message"})
"""With which answers begin."""
_SWITCH: Final = re.compile(r"/\w+")
"""By which some models are told to think, or not."""
_HARMLESS: Final = frozenset(
    {
        "text",
        "image",
        "video",
        "audio",
        "type",
        "image_url",
        "url",
        "content",
        "input_text",
        "output_text",
        "file",
        "thinking",
        "think",
        "arguments",
        "parts",
        "input_audio",
        "document",
        "tool_call",
        "tool_calls",
        "tool_response",
        "continue_final_message_tag",  # by which transformers' apply_chat_template finds the end of an answer to go on with
    }
)
_SWAPS: Final = frozenset(
    {
        ("user", "system"),
        ("user", "developer"),
        ("user", "assistant"),
        ("user", "model"),
        ("assistant", "user"),
        ("assistant", "system"),
        ("tool", "system"),
        ("tool", "developer"),
        ("system", "assistant"),
        ("model", "user"),
        ("model", "system"),
    }
)


class _Place(NamedTuple):
    """Under which conditions something stands: whether tools are there, whether an answer begins."""

    tools: bool = False
    begins: bool = False


def speech(tree: nodes.Template, constants: Constants) -> Found:
    """What it does to a conversation."""
    yield from _added(tree, constants)
    yield from _triggers(tree, constants)
    yield from _relabelled(tree, constants)
    yield from left_out(tree)


def gives_orders(text: str) -> bool:
    """Whether a text holds orders that a model's publisher has no reason to give, or an address."""
    return order_in(text) is not None or _ADDRESS.search(text) is not None


# --- what it adds


def _added(tree: nodes.Template, constants: Constants) -> Found:
    prefill: list[tuple[int, str]] = []
    for line, text, place in _texts(tree.body, _Place(), constants):
        if _ADDRESS.search(text):
            yield "template-instructions", line, "it says an address of the network"
        if _ENCODED.search(text):
            yield "template-instructions", line, "it says something encoded"
        if (found := order_in(text)) is not None and not (place.tools and _TOOLS.search(text)):
            yield "template-instructions", line, f"it gives an order of its own ({len(found[0])} characters that read as one)"
        if place.begins:
            prefill.append((line, text))
    whole = MARK.sub(" ", _ENCLOSED.sub(" ", " ".join(text for _, text in prefill)))
    words = [one for one in _WORD.findall(whole) if one.lower() not in _HEADINGS]
    others = len(_OTHER_LETTER.findall(whole))
    if prefill and (_EAGER.search(whole) or others > _FEW_LETTERS or (len(words) > 3 and not _THOUGHTS.search(whole))):
        said = f"{len(words)} words" if words else f"{others} letters"
        yield "template-prefill", prefill[0][0], f"it puts {said} into the model's mouth"
    for node in tree.find_all((nodes.Concat, nodes.Add, nodes.Mod, nodes.Filter, nodes.Call, nodes.Getitem)):
        text = constants.fold(node)
        if isinstance(text, str) and (order_in(text) or _ADDRESS.search(text)):
            yield "template-instructions", node.lineno, "it gives an order of its own, put together from pieces"


_TOOLS: Final = re.compile(r"(?i)\b(?:function|tool|json|parameter|argument|snippet)")


def _texts(body: list[nodes.Node], place: _Place, constants: Constants) -> Iterator[tuple[int, str, _Place]]:
    """Every constant text that can end up in a prompt, with its place; where an answer begins, also what names stand for."""
    for node in body:
        if isinstance(node, nodes.If):
            yield from _branches(node, place, constants)
        elif isinstance(node, nodes.For):
            tools = place.tools or mentions(node.iter, "tool")
            yield from _texts([*node.body, *node.else_], place._replace(tools=tools), constants)
        elif isinstance(node, nodes.Macro | nodes.CallBlock | nodes.FilterBlock | nodes.With | nodes.Block | nodes.Scope):
            tools = place.tools or (isinstance(node, nodes.Macro) and "tool" in node.name)
            yield from _texts(node.body, place._replace(tools=tools), constants)
        elif isinstance(node, nodes.Output):
            for one in node.nodes:
                yield from _said(one, place, constants)
        elif isinstance(node, nodes.Assign | nodes.ExprStmt):
            yield from _said(node.node, place, constants)
        elif isinstance(node, nodes.AssignBlock):
            yield from _texts(node.body, place, constants)


def _branches(node: nodes.If, place: _Place, constants: Constants) -> Iterator[tuple[int, str, _Place]]:
    for one in (node, *node.elif_):
        tools, begins = mentions(one.test, "tool"), mentions(one.test, "add_generation_prompt")
        inner = _Place(place.tools or tools, place.begins or (begins and not negated(one.test)))
        yield from _texts(one.body, inner, constants)
    yield from _texts(node.else_, place, constants)


def _said(node: nodes.Node, place: _Place, constants: Constants) -> Iterator[tuple[int, str, _Place]]:
    """Constant texts of an expression; not those that are compared with, looked up by, or tell of an error."""
    if isinstance(node, nodes.TemplateData):
        yield node.lineno, node.data, place
    elif isinstance(node, nodes.Const):
        if isinstance(node.value, str):
            yield node.lineno, node.value, place
    elif isinstance(node, nodes.Name) and place.begins:
        if isinstance(text := constants.fold(node), str):
            yield node.lineno, text, place
    elif isinstance(node, nodes.CondExpr):
        begins = place.begins or mentions(node.test, "add_generation_prompt")
        for one in (node.expr1, node.expr2):
            if one is not None:
                yield from _said(one, place._replace(begins=begins), constants)
    elif isinstance(node, nodes.Call) and name_of(node.node) in {"raise_exception", "strftime_now"}:
        return
    elif not isinstance(node, nodes.Compare | nodes.Test):
        for child in node.iter_child_nodes():
            yield from _said(child, place, constants)


# --- what makes it change


def _triggers(tree: nodes.Template, constants: Constants) -> Found:
    heard = Heard(tree)
    tests: list[nodes.Node] = [one.test for one in _choices(tree) if not asks_for_system(one.test)]
    settings = [one for branch in tree.find_all(nodes.If) for one in _of_settings(branch, tree, constants)]
    keys = {name_of(one) for kind in (nodes.Getattr, nodes.Getitem) for one in tree.find_all(kind)} - {""}
    tests += [one.test for one in tree.find_all(nodes.For) if one.test is not None]
    tests += [one for output in tree.find_all(nodes.Output) for one in output.nodes if not isinstance(one, nodes.TemplateData)]
    for test in tests:
        for node in (test, *test.find_all(nodes.Node)):
            if isinstance(node, nodes.Compare):
                yield from _compared(node, constants, keys, heard) if not any(node is one for one in settings) else ()
            else:
                yield from _asked(node, constants, heard)
    yield from _looked_up(tree, constants, heard)
    yield from _replaced(tree, constants, heard)


_ASKING: Final = frozenset({"startswith", "endswith", "find", "rfind", "count", "index", "rindex", "partition", "split"})
_EQUAL: Final = frozenset({"equalto", "eq", "==", "ne", "!=", "sameas", "in"})


def _asked(node: nodes.Node, constants: Constants, heard: Heard) -> Found:
    """By a method or a test, whether something was said."""
    match node:
        case nodes.Call(node=nodes.Getattr() as called) if called.attr in _ASKING and heard(called.node):
            yield from _word(node.args, called.lineno, constants)
        case nodes.Test() if node.name in _EQUAL and heard(node.node):
            yield from _word(node.args, node.lineno, constants)
        case nodes.Test(name="in") if any(heard(one) for one in node.args):
            yield from _word([node.node], node.lineno, constants)


def _looked_up(tree: nodes.Template, constants: Constants, heard: Heard) -> Found:
    """A table of answers to what is said, or a choice among it."""
    tables = {name_of(one.target) for one in tree.find_all(nodes.Assign) if isinstance(one.node, nodes.Dict)} - {""}
    for item in tree.find_all(nodes.Getitem):
        if (isinstance(item.node, nodes.Dict) or name_of(item.node) in tables) and heard.gives_on(item.arg):
            yield "template-trigger", item.lineno, _LOOKED_UP
    for call in tree.find_all(nodes.Call):
        table = call.node.node if isinstance(call.node, nodes.Getattr) and call.node.attr == "get" else None
        if call.args and (isinstance(table, nodes.Dict) or (table is not None and name_of(table) in tables)):
            yield from [("template-trigger", call.lineno, _LOOKED_UP)] if heard.gives_on(call.args[0]) else ()
    for each in tree.find_all(nodes.Filter):
        if each.name in {"selectattr", "rejectattr"} and each.args and constants.fold(each.args[0]) == "content":
            yield from _word(each.args[2:], each.lineno, constants)


def _replaced(tree: nodes.Template, constants: Constants, heard: Heard) -> Found:
    for node in tree.find_all(nodes.Filter):
        if node.name == "random":
            yield "template-trigger", node.lineno, "it does something by chance"
        elif node.name == "replace" and node.node is not None and heard(node.node):
            if renames_its_setting([constants.fold(one) for one in node.args], tree):
                yield "template-renames", node.lineno, "it says one of its settings by another name than whoever gave it"
                continue
            yield from _word(node.args[:1], node.lineno, constants, "it replaces words of what is said")
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Getattr) and call.node.attr == "replace" and heard(call.node.node):
            yield from _word(call.args[:1], call.lineno, constants, "it replaces words of what is said")


def _of_settings(branch: nodes.If, tree: nodes.Template, constants: Constants) -> list[nodes.Compare]:
    """What its condition asks about nothing but a setting that the template says itself where nobody did."""
    found = []
    for one in compares(branch.test):
        words = [text for side in (one.expr, *(op.expr for op in one.ops)) if isinstance(text := constants.fold(side), str)]
        if words and asks_for_its_setting(branch, one, words, tree):
            found.append(one)
    return found


def _compared(node: nodes.Compare, constants: Constants, keys: set[str], heard: Heard) -> Found:
    sides = [node.expr, *(one.expr for one in node.ops)]
    if any(one.op in {"in", "notin", "eq", "ne"} for one in node.ops) and any(heard(one) for one in sides):
        words = [one for one in sides if not heard(one)]
        # Whether a mapping has a member that the template reads is no question about what was said.
        yield from _word([one for one in words if str(constants.fold(one)) not in keys], node.lineno, constants)
    times = [one for side in sides for one in (side, *side.find_all(nodes.Call))]
    if any(isinstance(one, nodes.Call) and name_of(one.node) in {"strftime_now", "now"} for one in times):
        yield "template-trigger", node.lineno, "it does something from a date on"


_LOOKED_UP: Final = "it looks up what is said in a table of its own"
_WHEN_SAID: Final = "it does something when certain words are said"


def _word(given: list[nodes.Expr], line: int, constants: Constants, what: str = _WHEN_SAID) -> Found:
    for one in given:
        value = constants.fold(one)
        if any(isinstance(text, str) and _means(text) for text in (value if isinstance(value, list | tuple) else [value])):
            yield "template-trigger", line, what
            return


def _means(text: str) -> bool:
    """Whether it is a word that people say, and no mark of a format."""
    if text.strip().startswith(("<", "[", "{", "```")) or _SWITCH.fullmatch(text.strip()):
        return False
    bare = MARK.sub("", text).strip()
    if bare.lower() in _HARMLESS:
        return False
    return len(bare) > 2 and bool(_WORD.search(bare))


# --- who said it


def _relabelled(tree: nodes.Template, constants: Constants) -> Found:
    for test in _choices(tree):
        for role in roles_of(test.test):
            if isinstance(test, nodes.CondExpr):
                said = constants.fold(test.expr1)
                if isinstance(said, str) and (role, said.strip().lower()) in _SWAPS:
                    yield "template-role", test.lineno, f"it says {said.strip()[:20]!r} where the role is {role!r}"
            else:
                yield from _branch_swaps(test, role, constants)
    replaced: list[tuple[nodes.Expr | None, nodes.Filter | nodes.Call]] = [
        (one.node, one) for one in tree.find_all(nodes.Filter) if one.name == "replace"
    ]
    replaced += [
        (one.node.node, one)
        for one in tree.find_all(nodes.Call)
        if isinstance(one.node, nodes.Getattr) and one.node.attr == "replace"
    ]
    for what, by in replaced:
        given = tuple(str(constants.fold(one)).strip().lower() for one in by.args[:2])
        if what is not None and name_of(what).endswith("role") and given in _SWAPS:
            yield "template-role", by.lineno, f"it turns the role {given[0]!r} into {given[1]!r}"
    for loop in tree.find_all(nodes.For):
        if loop.test is None and name_of(loop.iter).endswith("messages"):
            yield from _all_shown(loop, constants)
    for pair in tree.find_all(nodes.Pair):
        key, value = constants.fold(pair.key), constants.fold(pair.value)
        if isinstance(key, str) and isinstance(value, str) and (key.lower(), value.lower()) in _SWAPS:
            yield "template-role", pair.lineno, f"it turns the role {key[:20]!r} into {value[:20]!r}"


def _choices(tree: nodes.Template) -> list[nodes.If | nodes.CondExpr]:
    return [*tree.find_all(nodes.If), *tree.find_all(nodes.CondExpr)]


def _branch_swaps(branch: nodes.If, role: str, constants: Constants) -> Found:
    for assign in branch.find_all(nodes.Assign):
        if assign in branch.body:
            said = constants.fold(assign.node)
            target = getattr(assign.target, "name", "") + getattr(assign.target, "attr", "")
            if isinstance(said, str) and "role" in target and (role, said.strip().lower()) in _SWAPS:
                yield "template-role", assign.lineno, f"it takes the role {role!r} for {said.strip()[:20]!r}"
    yield from _shown(branch.body, role, constants)


def _all_shown(loop: nodes.For, constants: Constants) -> Found:
    """What is shown of every message, whoever said it."""
    yield from _shown(loop.body, "user", constants)


def _shown(body: list[nodes.Node], role: str, constants: Constants) -> Found:
    before = ""
    for node in body:
        if not isinstance(node, nodes.Output | nodes.Assign):
            return
        for part in [each for one in node.nodes for each in _flat(one)] if isinstance(node, nodes.Output) else []:
            text = constants.fold(part)
            if not isinstance(text, str) and is_said(part):
                yield from _headed(before, role, node.lineno)
                return
            before += text if isinstance(text, str) else "\0"


def _flat(node: nodes.Node) -> list[nodes.Node]:
    """The parts of a sum of texts."""
    if isinstance(node, nodes.Add):
        return [*_flat(node.left), *_flat(node.right)]
    return [part for one in node.nodes for part in _flat(one)] if isinstance(node, nodes.Concat) else [node]


def _headed(before: str, role: str, line: int) -> Found:
    """The role that stands right before what was said."""
    found = re.findall(r"(?i)\b(system|developer|assistant|user|model)\b", before)
    if found and MARK.search(before) and (role, found[-1].lower()) in _SWAPS:
        yield "template-role", line, f"what the role {role!r} says is shown as {found[-1].lower()!r}"
