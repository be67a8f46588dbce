"""Every rule that a model file can break: how grave that is, what it is called elsewhere, what to do.

Techniques: MITRE ATLAS (``AML.T…``, atlas.mitre.org) and the Common Weakness Enumeration (``CWE-…``, cwe.mitre.org).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from wardstead.supply.ports import Severity


class Rule(msgspec.Struct, frozen=True):
    """``title`` says what is wrong, ``next_step`` what to do."""

    id: str
    severity: Severity
    techniques: tuple[str, ...]
    title: str
    next_step: str


_UNSAFE = "AML.T0011.000"  # User Execution: Unsafe AI Artifacts
_MODEL = "AML.T0010.003"  # AI Supply Chain Compromise: Model
_MALWARE = "AML.T0018.002"  # Manipulate AI Model: Embed Malware
_ALTERED = "AML.T0018.001"  # Manipulate AI Model: Modify AI Model Architecture
_DENIAL = "AML.T0029"  # Denial of AI Service
_INJECTION = "AML.T0051.001"  # LLM Prompt Injection: Indirect
_TRIGGER = "AML.T0051.002"  # LLM Prompt Injection: Triggered
_MASK = "AML.T0074"  # Masquerading

_B, _W, _I = Severity.BLOCK, Severity.WARN, Severity.INFO
_REFUSE = "Do not load it; ask its publisher for safetensors or GGUF"
_FETCH = "Fetch it again from its publisher, and compare digests"
_UNPACK = "Unpack it where nothing loads it, and scan what it holds; or ask its publisher for safetensors or GGUF"
_CODE = "Read the code; serve the model with an architecture that your server knows by itself"
_TEMPLATE = "Compare the template with the publisher's, or serve with a template of your own"

RULES: Final[Mapping[str, Rule]] = {
    rule.id: rule
    for rule in (
        Rule("unparsed", _B, (_UNSAFE, "CWE-20"), "It could not be read to its end, so it may hold anything", _FETCH),
        Rule("parser-ended", _B, (_DENIAL, "CWE-400"), "It takes down what reads it, or takes more than that may", _FETCH),
        Rule("unreadable", _B, ("CWE-20",), "The file could not be read", "Give the scanner the right to read it"),
        Rule("changed-while-read", _B, ("CWE-367",), "The file changed while it was read", "Scan it where nobody writes to it"),
        Rule("digest-mismatch", _B, (_MODEL, "CWE-345"), "It is not what its name or manifest says it is", _FETCH),
        Rule("wrong-name", _W, (_MASK, "CWE-434"), "Its name says another format than its bytes", "Ask why; programs differ in which they follow"),
        Rule("polyglot", _B, (_MASK, "CWE-434"), "It is several formats at once", _REFUSE),
        Rule("trailing-data", _B, (_MALWARE, "CWE-506"), "Bytes that belong to nothing", _FETCH),
        Rule("executable", _B, (_MALWARE, "CWE-506"), "A program for the machine is inside", "Remove it; no model needs one to be loaded"),
        Rule("script", _W, (_MALWARE, "CWE-94"), "A script for a shell or another interpreter", "Read it before anybody runs it"),
        Rule("link-outside", _B, (_MODEL, "CWE-59"), "A link leads out of the folder", "Copy what it points to, or remove it"),
        Rule("special-file", _B, (_MODEL, "CWE-59"), "A device, pipe or socket stands in for a file", "Remove it"),
        Rule("path-traversal", _B, (_MODEL, "CWE-22"), "A path leads out of the folder", _REFUSE),
        Rule("bomb", _B, (_DENIAL, "CWE-409"), "It unpacks to far more than it is", _REFUSE),
        Rule("duplicate-entry", _B, (_MASK, "CWE-694"), "Something stands twice, and programs differ in which counts", _FETCH),
        Rule("zip-confusion", _B, (_MASK, "CWE-436"), "The archive reads differently from its front and from its end", _FETCH),
        Rule("encrypted", _B, (_MASK, "CWE-506"), "It is encrypted, so what it holds cannot be checked", _REFUSE),
        Rule("packed", _B, (_MASK, "CWE-506"), "It is packed in a form that is not read here, so it may hold anything", _UNPACK),
        Rule("pickle-code", _B, (_UNSAFE, "CWE-502"), "Unpickling it runs something that can harm", _REFUSE),
        Rule("pickle-unknown", _B, (_UNSAFE, "CWE-502"), "Unpickling it calls something that is not known to be harmless", _REFUSE),
        Rule("pickle-dynamic", _B, (_UNSAFE, "CWE-502"), "Unpickling it calls what only shows when it runs", _REFUSE),
        Rule("pickle-state", _B, (_UNSAFE, "CWE-915"), "Unpickling it changes a class, a module or a function", _REFUSE),
        Rule("pickle-extension", _B, (_UNSAFE, "CWE-502"), "It calls by number what another program registered", _REFUSE),
        Rule("pickle-persistent", _B, (_UNSAFE, "CWE-502"), "It refers to something outside in a way its format does not", _REFUSE),
        Rule("pickle", _I, (_UNSAFE, "CWE-502"), "A pickle, all of whose calls are known to be harmless", "Prefer safetensors"),
        Rule("foreign-objects", _B, (_UNSAFE, "CWE-502"), "Objects of another language, whose reading can run code", _REFUSE),
        Rule("shelf", _B, (_UNSAFE, "CWE-502"), "A database of which Python's shelve unpickles every value", _REFUSE),
        Rule("tensor-bounds", _B, (_MODEL, "CWE-119"), "A tensor lies outside of the data", _FETCH),
        Rule("tensor-overlap", _B, (_MODEL, "CWE-119"), "Tensors share bytes", _FETCH),
        Rule("tensor-hole", _B, (_MALWARE, "CWE-506"), "Bytes between tensors belong to none", _FETCH),
        Rule("tensor-type", _B, (_MODEL, "CWE-20"), "A tensor's type or shape is not what its format allows", _FETCH),
        Rule("header-limits", _B, (_DENIAL, "CWE-789"), "A header asks for more than its format allows", _FETCH),
        Rule("template-code", _B, (_UNSAFE, "CWE-1336"), "The chat template reaches for the program that renders it", _TEMPLATE),
        Rule("template-dynamic", _W, (_UNSAFE, "CWE-1336"), "The chat template computes the name of what it reaches for", _TEMPLATE),
        Rule("template-cost", _B, (_DENIAL, "CWE-834"), "Rendering the chat template takes without end", _TEMPLATE),
        Rule("template-trigger", _B, (_TRIGGER,), "The chat template changes what is said when certain words occur", _TEMPLATE),
        Rule("template-renames", _W, (_TRIGGER,), "The chat template rewrites the name of a setting in what is said", _TEMPLATE),
        Rule("template-instructions", _B, (_INJECTION,), "The chat template adds instructions that nobody gave", _TEMPLATE),
        Rule("template-system-dropped", _B, (_INJECTION,), "The chat template leaves system prompts out", _TEMPLATE),
        Rule("template-system-ignored", _W, (_INJECTION,), "The chat template has no words for system prompts", _TEMPLATE),
        Rule("template-role", _B, (_INJECTION,), "The chat template presents one speaker as another", _TEMPLATE),
        Rule("template-prefill", _B, (_INJECTION,), "The chat template begins the model's answers for it", _TEMPLATE),
        Rule("template-unread", _B, ("CWE-20",), "The chat template could not be parsed", _TEMPLATE),
        Rule("remote-code", _W, (_UNSAFE, "CWE-94"), "Loading it with trust_remote_code runs code of its repository", _CODE),
        Rule("config-code", _B, (_UNSAFE, "CWE-502"), "A configuration names code that loading it would run", _CODE),
        Rule("config-path", _B, (_MODEL, "CWE-22"), "A configuration points out of the folder", "Set it to a file in the folder"),
        Rule("config-absolute", _I, (_MODEL,), "A configuration tells where somebody had the model", "Ignore it, or clear it: it may name a person"),
        Rule("config-url", _W, (_MODEL, "CWE-829"), "A configuration fetches from elsewhere", "Fetch it yourself, pinned by digest"),
        Rule("xml-entity", _B, (_DENIAL, "CWE-611", "CWE-776"), "XML that has its reader open files, or repeat without end", _FETCH),
        Rule("tokenizer-rewrites", _B, (_TRIGGER, _ALTERED), "The tokenizer rewrites words in what is said or answered", "Ask for the tokenizer of the base model"),
        Rule("slow-pattern", _B, (_DENIAL, "CWE-1333"), "A regular expression that takes exponentially long", "Ask for the tokenizer of the base model"),
        Rule("python-code", _B, (_UNSAFE, "CWE-94"), "Code of the repository reaches for the system, the network or hidden code", _CODE),
        Rule("python-unread", _W, ("CWE-20",), "Code of the repository could not be parsed", _CODE),
        Rule("python", _I, (_MODEL,), "Code of the repository, with nothing that stands out", _CODE),
        Rule("graph-code", _B, (_ALTERED, "CWE-94"), "The graph holds an operator that runs code or reads and writes files", _REFUSE),
        Rule("graph-custom", _W, (_ALTERED,), "The graph needs operators that no standard defines", "Ask where its library comes from"),
        Rule("layer-code", _B, (_UNSAFE, "CWE-502"), "A layer holds code that loading the model runs", _REFUSE),
        Rule("layer-custom", _W, (_ALTERED,), "The model needs classes that its format does not define", _CODE),
        Rule("secret", _W, ("AML.T0055", "CWE-798"), "A password, key or token stands in a text", "Whoever's it is revokes it; remove it, and see that nothing uses it"),
        Rule("licence", _I, (), "What the files say of their licence", "See whether it permits your use"),
    )
}  # fmt: skip


class Finding(msgspec.Struct, frozen=True):
    """``file`` breaks ``rule``: ``what`` it is, at byte ``offset`` where that is known."""

    rule: str
    file: str
    what: str
    offset: int | None = None

    @property
    def severity(self) -> Severity:
        """As the rule has it."""
        return RULES[self.rule].severity

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        rule = RULES[self.rule]
        return {
            "rule": rule.id,
            "severity": rule.severity.value,
            "file": self.file,
            "offset": self.offset,
            "title": rule.title,
            "what": self.what,
            "techniques": list(rule.techniques),
            "next_step": rule.next_step,
        }
