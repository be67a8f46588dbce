"""Small texts around a model: Ollama's Modelfile and templates, Triton's settings, a model card's head, scripts, licences."""

from __future__ import annotations

import re
from typing import Final

from wardstead.supply.formats import graphs, yaml_files
from wardstead.supply.formats.named_code import FETCHED, check_place
from wardstead.supply.formats.template_speech import gives_orders
from wardstead.supply.ports import Malformed, Seen, Source, Steps
from wardstead.supply.sources import blocks, text_of

_INSTRUCTION: Final = re.compile(r'(?im)^\s*(FROM|ADAPTER|TEMPLATE|SYSTEM|MESSAGE|LICENSE|PARAMETER)\s+("""(?:.|\n)*?"""|.*)$')
_ACTION: Final = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_EXECUTABLES: Final = (
    (b"\x7fELF", "Linux"),
    *((magic, "macOS") for magic in (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")),
    (b"\xca\xfe\xba\xbe", "macOS or Java"),
    (b"\0asm", "WebAssembly"),
    (b"dex\n", "Android"),
)


def program_for(head: bytes) -> str:
    """The system whose program begins so; empty for none."""
    if head.startswith(b"MZ"):
        at = int.from_bytes(head[60:64], "little")
        return "Windows" if head[at : at + 2] in {b"PE", b"NE", b"LE"} or at + 4 > len(head) > 63 else ""
    return next((name for magic, name in _EXECUTABLES if head.startswith(magic)), "")


def check_program(source: Source) -> Steps:
    """A program of a machine."""
    system = program_for(source.read(0, 4096))
    yield Seen("executable", f"a program for {system}" if system else "its name is that of a compiled program", 0)


def check_requirements(source: Source) -> Steps:
    """Packages that some servers install with a model: from where else than the usual registry."""
    for found in FETCHED.finditer(text_of(source)):
        yield Seen("config-url", f"packages come from elsewhere: {found[0].strip()[:80]!r}", found.start())


_RUN_BY_GIT: Final = re.compile(
    r"(?im)^[ \t]*(fsmonitor|sshcommand|hookspath|editor|pager|textconv|command|clean|smudge|process|askpass|gitproxy|helper)"
    r"[ \t]*=(.*)$"
)
_MODULE: Final = re.compile(r"(?im)^[ \t]*(url|path|update|branch)[ \t]*=(.*)$")
_OF_LARGE_FILES: Final = re.compile(
    r'command -v git-lfs >/dev/null 2>&1 \|\| \{ (?:echo|printf) >&2 (?:"\\n%s\\n\\n" )?"(?:\\n)?This repository is configured '
    r"for Git LFS but 'git-lfs' was not found on your path\. If you no longer wish to use Git LFS, remove this hook by deleting "
    r"""[\w .,;'/()-]{0,140}(?:\\n)?"; exit \d; \}|git[ -]lfs [a-z-]+ "\$@\""""
)
"""Hooks as Git LFS installs them."""
_USUAL_FOR_GIT: Final = re.compile(r"git-lfs [\w -]+(?:%f)?|true|false|store|cache|", re.IGNORECASE)


def check_git(source: Source) -> Steps:
    """The settings of a repository that came along: Git runs what some of them name as soon as somebody looks at it."""
    for found in _RUN_BY_GIT.finditer(text_of(source)):
        if not _USUAL_FOR_GIT.fullmatch(found[2].strip()):
            yield Seen("config-code", f"Git runs what {found[1]} names: {found[2].strip()[:80]!r}", found.start())

    if source.name.endswith(".gitmodules"):
        for found in _MODULE.finditer(text_of(source)):
            key, value = found[1].lower(), found[2].strip().strip('"')
            if value.startswith("-") or (key == "url" and "::" in value) or (key == "update" and value.startswith("!")):
                yield Seen("config-code", f"Git runs what a module's {key} names: {value[:80]!r}", found.start())
            elif key == "path" and (".." in value.split("/") or value.startswith("/")):
                yield Seen("config-path", f"a module lies in {value[:80]!r}", found.start())


def check_git_hook(source: Source) -> Steps:
    """What Git runs when somebody checks out, commits or merges; linters of large files write such ones, which only call it."""
    text = source.read(0, 1 << 16).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if any(_OF_LARGE_FILES.fullmatch(line) is None for line in lines):
        yield Seen("config-code", f"Git runs this file by itself: {lines[0][:80]!r}", 0)


def check_xml(source: Source) -> Steps:
    """XML: what it has its readers open or repeat is declared; behind how long a comment, nothing says."""
    for at, block in blocks(source, overlap=64):
        if b"<!ENTITY" in block.replace(b"\0", b""):  # also where each character has two bytes
            yield Seen("xml-entity", "an entity is declared", at)
            return


def check_script(source: Source) -> Steps:
    """A script."""
    yield Seen("script", source.read(0, 80).split(b"\n")[0].decode("utf-8", "replace"))


def check_card(source: Source) -> Steps:
    """What stands at the head of a model card."""
    text = text_of(source).replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("---\n") and (end := text.find("\n---", 4)) > 0:
        yield from yaml_files.check_text(text[4:end])


def check_triton(source: Source) -> Steps:
    """The settings of a model of Triton's (``config.pbtxt``)."""
    text = text_of(source)
    for found in re.finditer(r'\bop\s*:\s*"(\w+)"', text):  # a graph of TensorFlow's, as text
        yield from graphs.check_operator(found[1], found.start())
    if re.search(r'(?i)\bbackend\s*:\s*"python"', text):
        yield Seen("remote-code", "Triton runs model.py of this folder")
    for path in re.findall(r'"([^"\n]*(?:\.\.[/\\]|^/)[^"\n]*)"', text):
        yield Seen("config-path", f"it points to {path[:80]!r}")
    if "EXECUTION_ENV_PATH" in text or "model_operations" in text:
        yield Seen("config-code", "it loads an environment or a library of its own")


def check_modelfile(source: Source) -> Steps:
    """Ollama's recipe of a model."""
    text = text_of(source)
    found = _INSTRUCTION.findall(text)
    if not any(name.upper() == "FROM" for name, _ in found):
        raise Malformed("it has no FROM")
    for name, raw in found:
        value = raw.strip().strip('"').strip()
        match name.upper():
            case "FROM" | "ADAPTER":
                yield from check_place(name.upper(), "path", value)
            case "TEMPLATE":
                yield from _go_template(value)
            case "SYSTEM" | "MESSAGE":
                if gives_orders(value):
                    yield Seen(
                        "template-instructions", f"{name.upper()} gives an order that a model's publisher has no reason to give"
                    )
            case "LICENSE":
                yield Seen("licence", value.split("\n")[0][:80])


def is_go_template(text: str) -> bool:
    """Whether it is a template of Ollama's."""
    return any(word in text for word in ("{{ .Prompt", "{{.Prompt", ".Messages", "{{ .System", "{{ .Response"))


def check_go_template(source: Source) -> Steps:
    """A template of Ollama's in a file of its own."""
    yield from _go_template(text_of(source))


def _go_template(text: str) -> Steps:
    actions = _ACTION.findall(text)
    if gives_orders(_ACTION.sub(" ", text)):
        yield Seen("template-instructions", "the template gives an order of its own")
    if not any(".System" in one or ".Messages" in one for one in actions):
        yield Seen("template-system-dropped", "the template never says .System")
    for one in actions:
        if re.search(r'(?:eq|contains|hasPrefix|ne)\s+\(?\$?[\w.]*(?:Content|Prompt)\)?\s+"[^"<\[]{3,}"', one):
            yield Seen("template-trigger", "it does something when certain words are said")
