"""The detectors of what a text does: active content, dangerous code, hidden characters, loops."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from wardstead.bootstrap.deployment import Deployment
from wardstead.inspection.content.detectors import content_detectors
from wardstead.inspection.content.rules import Rule, load_rules
from wardstead.inspection.ports import TextDetector


def content(deployment: Deployment) -> tuple[TextDetector, ...]:
    """The detectors that ship with the product, with the hosts that this deployment trusts."""
    return content_detectors(content_rules(), deployment.trusted_hosts)


@cache
def content_rules() -> tuple[Rule, ...]:
    """The rules for whole texts that ship with the product, read once in a process."""
    folder = files("wardstead.catalogues") / "content"
    return load_rules({f"content/{one.name}": one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".yaml")})
