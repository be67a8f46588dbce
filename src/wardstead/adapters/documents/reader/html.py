"""HTML, parsed as browsers do (Lexbor), and sorted by what a browser would show."""

from __future__ import annotations

import re
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

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
_WHITE: Final = r"(?:^|;)color:(?:#f[4-9a-f]f[4-9a-f]f[4-9a-f]|#fff|white|rgba?\(25[0-5],25[0-5],25[0-5][^)]*\))(?:;|$|!)"
_HIDING: Final = (
    (re.compile(r"display:none|visibility:(?:hidden|collapse)|content-visibility:hidden"), "not displayed"),
    (re.compile(r"opacity:0(?:\.0*[0-4]\d*)?(?:;|%|$|!)|(?:^|;)color:transparent"), "transparent text"),
    (re.compile(r"(?:^|;)font-size:(?:0|[01](?:\.\d+)?(?:px|pt)|0?\.\d+(?:px|pt|em|rem))(?:;|[a-z%]|$|!)"), "tiny text"),
    (re.compile(r"(?:left|top|right|text-indent|margin-left):-\d{3,}"), "outside the page"),
    (re.compile(r"(?:^|;)(?:max-)?(?:height|width):0(?:px)?(?:;|$|!)"), "without a size"),
    (re.compile(r"clip:rect\((?:0(?:px)?|1px)[, ]|clip-path:inset\((?:50|100)%"), "clipped"),
    (re.compile(_WHITE), "white text"),
)  # fmt: skip
_BACKGROUND: Final = re.compile(
    r"(?:^|;)background(?:-color|-image)?:(?!(?:none|transparent|white|#fff(?:fff)?|inherit|initial)(?:;|$|!))"
)
_RULE: Final = re.compile(r"([^{}@]{1,400})\{([^{}]{1,2000})\}")
_MAX_RULES: Final = 500
_MAX_NODES: Final = 1_000_000


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


def _plain_css(style: str) -> str:
    return re.sub(r"/\*.*?\*/|\s+", "", style.lower(), flags=re.DOTALL)


def _hiding(style: str) -> str:
    """Why text with this style is not seen."""
    css = _plain_css(style)
    for pattern, reason in _HIDING:
        if pattern.search(css):
            return "" if reason == "white text" and _BACKGROUND.search(css) else reason
    return ""


class _Page:
    """One document tree, walked without recursion."""

    def __init__(self, text: str) -> None:
        self.texts: dict[str, list[str]] = {"": []}
        self._tree = LexborHTMLParser(text)
        self._by_rule: dict[int, str] = {}
        self._shaded_by_rule: set[int] = set()
        self._style_sheets()

    def _style_sheets(self) -> None:
        """What rules of the page's own style sheets hide, and what they put a colour behind."""
        rules = [rule for sheet in self._tree.css("style") for rule in _RULE.findall(sheet.text() or "")]
        for selector, style in rules[:_MAX_RULES]:
            reason = _hiding(style)
            shades = _BACKGROUND.search(_plain_css(style)) is not None
            if not reason and not shades:
                continue
            try:
                matched = self._tree.css(selector.strip())
            except (SelectolaxError, ValueError):
                continue  # for a selector that is none, or that the library does not know
            for node in matched:
                if reason:
                    self._by_rule.setdefault(node.mem_id, reason)
                if shades:
                    self._shaded_by_rule.add(node.mem_id)

    def walk(self, path: Path) -> None:
        """Sort every text of the tree."""
        node: Any = self._tree.root
        reasons = [""]
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
                self._leaf(node, reason)
            child = node.child
            if child is not None:
                reasons.append(reason)
                shaded.append(is_shaded)
                node = child
                continue
            self._leave(node, reason)
            while node is not None and node.next is None:
                node = node.parent
                if node is not None:
                    self._leave(node, reasons.pop())
                    shaded.pop()
            node = node.next if node is not None else None

    def _enter(self, node: Any, reason: str, shaded: bool) -> tuple[str, bool]:
        attributes = node.attributes
        style = attributes.get("style") or ""
        own = _UNSEEN.get(node.tag, "") or self._by_rule.get(node.mem_id, "") or (_hiding(style) if style else "")
        if "hidden" in attributes or (node.tag == "input" and attributes.get("type") == "hidden"):
            own = own or "not displayed"
        shaded = shaded or node.mem_id in self._shaded_by_rule or "bgcolor" in attributes
        shaded = shaded or bool(style and _BACKGROUND.search(_plain_css(style)))
        if node.tag == "font" and (attributes.get("color") or "").lower() in {"white", "#fff", "#ffffff"}:
            own = own or "white text"
        if own == "white text" and shaded:
            own = ""
        if own in {"title of the page", "script", "style sheet", "template"}:
            reason = own
        reason = reason or own
        for name, why in _ATTRIBUTES.items():
            value = attributes.get(name)
            if value and not (value.startswith("data:") and len(value) > 1000):
                self._put(value + "\n", why)
        if node.tag in _BLOCKS:
            self._put("\n", reason)
        if node.tag == "template":
            self._put(" ".join(one.text() or "" for one in node.template_fragments()), reason)
        return reason, shaded

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
