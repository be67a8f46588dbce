"""HTML, parsed as browsers do (Lexbor), and sorted by what a browser would show."""

from __future__ import annotations

import re
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from .html_styles import NONE, WHITE, Style, rules_of, style_of
from .plain import decode
from .reading import Path, Reading, too_large

_BLOCKS: Final = frozenset(
    [
        "p",
        "div",
        "br",
        "li",
        "ul",
        "ol",
        "tr",
        "table",
        "section",
        "article",
        "header",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "pre",
        "hr",
        "dt",
        "dd",
        "form",
        "fieldset",
        "option",
        "title",
        "main",
        "nav",
        "aside",
        "figure",
        "figcaption",
        "address",
        "details",
        "summary",
    ]
)
_UNSEEN: Final = {"script": "script", "style": "style sheet", "template": "template", "noscript": "shown without scripts alone",
                  "head": "head of the page", "title": "title of the page", "iframe": "frame", "object": "object"}  # fmt: skip
_ATTRIBUTES: Final = {
    "alt": "alternative text of a picture", "title": "tooltip", "aria-label": "label for screen readers",
    "aria-description": "label for screen readers", "placeholder": "placeholder", "content": "metadata", "summary": "tooltip",
    "href": "addresses behind links", "src": "addresses behind links", "action": "addresses behind links",
    "srcdoc": "frame", "value": "value of a field", "label": "tooltip", "data": "addresses behind links",
}  # fmt: skip
_MAX_NODES: Final = 1_000_000
Reasons = tuple[str, ...]
"""Why the text of an element is not seen, the first of them the one that is told."""


def read(reading: Reading, data: bytes, path: Path, _depth: int) -> None:
    """What a browser shows, and what it does not, by reason."""
    declared = re.search(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w.-]{2,40})", data[:4096], re.IGNORECASE)
    text, guessed = decode(data, declared[1].decode() if declared else "")
    if guessed:
        reading.warn(path, f"its encoding was guessed: {guessed}")
    page = _Page(text)
    page.walk(path)
    for reason, texts in page.texts.items():
        reading.add(path, "".join(texts), "page", reason)


def _first(reasons: Reasons) -> str:
    return reasons[0] if reasons else ""


def _own_style(node: Any) -> Style:
    style = style_of(node.attributes.get("style") or "")
    if node.tag == "font" and (colour := node.attributes.get("color")):
        style = style.over(style_of(f"color:{colour}"))
    return style


class _Page:
    """One document tree, walked without recursion."""

    def __init__(self, text: str) -> None:
        self.texts: dict[str, list[str]] = {"": []}
        self._tree = LexborHTMLParser(text)
        self._by_rule: dict[int, Style] = {}
        self._take_sheets()

    def _take_sheets(self) -> None:
        """What the rules of the page's own style sheets do to which nodes; of two, the later one wins."""
        for selector, style in rules_of(sheet.text() or "" for sheet in self._tree.css("style")):
            try:
                matched = self._tree.css(selector)
            except (SelectolaxError, ValueError):
                continue  # for a selector that is none, or that the library does not know
            for node in matched:
                self._by_rule[node.mem_id] = style.over(self._by_rule.get(node.mem_id, NONE))

    def walk(self, path: Path) -> None:
        """Sort every text of the tree."""
        node: Any = self._tree.root
        reasons: list[Reasons] = [()]
        shaded = [False]
        count = 0
        while node is not None:
            count += 1
            if count > _MAX_NODES:
                raise too_large("its HTML has too many elements", path)
            if node.is_element_node:
                reason, is_shaded = self._enter(node, reasons[-1], shaded[-1])
            else:
                reason, is_shaded = reasons[-1], shaded[-1]
                self._leaf(node, _first(reason))
            child = node.child
            if child is not None:
                reasons.append(reason)
                shaded.append(is_shaded)
                node = child
                continue
            self._leave(node, _first(reason))
            while node is not None and node.next is None:
                node = node.parent
                if node is not None:
                    self._leave(node, _first(reasons.pop()))
                    shaded.pop()
            node = node.next if node is not None else None

    def _enter(self, node: Any, inherited: Reasons, shaded: bool) -> tuple[Reasons, bool]:
        attributes = node.attributes
        style = _own_style(node).over(self._by_rule.get(node.mem_id, NONE))
        shaded = shaded or style.shades or "bgcolor" in attributes
        own = [one for one in style.hides if one != WHITE or not shaded]
        unseen = _UNSEEN.get(node.tag, "")
        if "hidden" in attributes or (node.tag == "input" and attributes.get("type") == "hidden"):
            unseen = unseen or "not displayed"
        if node.tag == "dialog" and "open" not in attributes:
            unseen = unseen or "not displayed"
        kept = [one for one in inherited if one not in style.ends]
        if unseen in {"title of the page", "script", "style sheet", "template"}:
            reasons = tuple(dict.fromkeys([unseen, *kept, *own]))
        else:
            reasons = tuple(dict.fromkeys([*kept, *filter(None, [unseen]), *own]))
        self._put_attributes(attributes)
        if node.tag in _BLOCKS:
            self._put("\n", _first(reasons))
        if node.tag == "template":
            self._put(" ".join(one.text() or "" for one in node.template_fragments()), _first(reasons))
        return reasons, shaded

    def _put_attributes(self, attributes: Any) -> None:
        for name, why in _ATTRIBUTES.items():
            value = attributes.get(name)
            if value and not (value.startswith("data:") and len(value) > 1000):
                self._put(value + "\n", why)

    def _leaf(self, node: Any, reason: str) -> None:
        if node.is_comment_node:
            self._put((node.comment_content or "") + "\n", "comment")
        elif node.is_text_node:
            text = node.text_content or ""
            self._put(text if reason in {"script", "style sheet"} else re.sub(r"\s+", " ", text), reason)

    def _leave(self, node: Any, reason: str) -> None:
        if node.tag in _BLOCKS:
            self._put("\n", reason)
        elif node.tag in {"td", "th"}:
            self._put("\t", reason)

    def _put(self, text: str, reason: str) -> None:
        self.texts.setdefault(reason, []).append(text)
