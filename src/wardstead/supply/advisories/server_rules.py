"""Rule packs for AI servers, in the form of AI-Infra-Guard (https://github.com/Tencent/AI-Infra-Guard): a YAML file an advisory.

They know the servers that no registry of packages has: Ollama, llama.cpp and some hundred and forty others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import yaml

from wardstead.supply.advisories.advisory import Advisory, Affected, Range, score_of, severity_of
from wardstead.supply.packages.package import SERVERS
from wardstead.supply.packages.servers import REGISTERED
from wardstead.supply.ports import Malformed

_TERM: Final = re.compile(r'\s*version\s*(<=|>=|==?|<|>)\s*["\']?([^"\'\s&|]+)["\']?\s*')
_EVENTS: Final = {"<": "fixed", "<=": "last_affected", ">=": "introduced", ">": "introduced"}
_NAMES: Final = {"llama-cpp": "llama.cpp"}


def read(text: str, folder: str, modified: str) -> Advisory | None:
    """``folder``: the server's name, part of the id. ``None``: no version is told. Raises ``Malformed``."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        raise Malformed("not valid YAML") from None
    if not isinstance(document, dict) or not isinstance(info := document.get("info"), dict):
        raise Malformed("no rule of a server: it has no info")
    rule, names = document.get("rule") or "", re.findall(r"[A-Z]{3,5}-[\w-]+", str(info.get("cve") or ""))
    if not isinstance(rule, str) or "version" not in rule or not names:
        return None
    server = _NAMES.get(folder, folder)
    score = score_of([str(info.get("cvss") or "")])
    affected = tuple(each for one in rule.split("||") for each in _affected(server, one))
    return Advisory(
        f"{server}/{names[0]}", modified, affected, tuple(names), str(info.get("summary") or "")[:300],
        score, severity_of(score, str(info.get("severity") or "")), references=_references(document),
    )  # fmt: skip


def _references(document: Mapping[str, object]) -> tuple[str, ...]:
    given = document.get("references")
    return tuple(one for one in given if isinstance(one, str))[:5] if isinstance(given, list) else ()


def _affected(server: str, rule: str) -> Iterator[Affected]:
    """``version >= "0.6" && version < "0.9"`` as events of a range; of the server, and of the package that PyPI has of it."""
    one = _range(rule)
    yield Affected(SERVERS, server, *one)
    if (package := REGISTERED.get(server)) is not None:
        yield Affected("PyPI", package, *one)


def _range(rule: str) -> tuple[tuple[Range, ...], tuple[str, ...]]:
    events: list[tuple[str, str]] = []
    for term in rule.split("&&"):
        found = _TERM.fullmatch(term.strip().strip("()"))
        if found is None:
            raise Malformed(f"a rule that cannot be read: {term.strip()[:60]}")
        sign, version = found[1], found[2]
        if sign in ("==", "="):
            return (), (version,)
        events.append((_EVENTS[sign], version))
    if not any(kind == "introduced" for kind, _ in events):
        events.insert(0, ("introduced", "0"))
    return (Range("ECOSYSTEM", tuple(events)),), ()
