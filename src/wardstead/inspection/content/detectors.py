"""The detectors of whole texts that need neither a deployment's data nor a request, from their catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from wardstead.inspection.content.active_content import ActiveContent
from wardstead.inspection.content.dangerous_code import DangerousCode
from wardstead.inspection.content.hidden_characters import HiddenCharacters
from wardstead.inspection.content.repetition import Repetition
from wardstead.inspection.content.rules import Method, Rule
from wardstead.inspection.ports import TextDetector

_HIDDEN: tuple[Method, ...] = ("hidden-characters", "bidirectional", "control-characters")
_ACTIVE: tuple[Method, ...] = ("addresses", "scripts", "many-images")


def content_detectors(rules: Sequence[Rule], trusted_hosts: frozenset[str] = frozenset()) -> tuple[TextDetector, ...]:
    """A detector for each kind of rule that there is. Raises ``ConfigurationError`` for a pattern that is refused."""
    active = [one for one in rules if one.method in _ACTIVE or (one.pattern and one.where == "prose")]
    hidden = [one for one in rules if one.method in _HIDDEN]
    code = [one for one in rules if one.pattern and one.where == "code"]
    loops = [one for one in rules if one.method == "loop"]
    found: list[TextDetector] = []
    found += [ActiveContent(active, trusted_hosts)] if active else []
    found += [HiddenCharacters(hidden)] if hidden else []
    found += [DangerousCode(code)] if code else []
    found += [Repetition(loops)] if loops else []
    return tuple(found)
