"""Where data goes to when it leaves, as policies know it: what each sink of ``access.yaml`` is cleared for."""

from __future__ import annotations

from typing import Final

from wardstead.access.ports import Resource
from wardstead.access.rules import AccessRules, Sink
from wardstead.bootstrap.deployment import Deployment
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.labels import PUBLIC, Label, UnknownLevel

DOWNLOAD: Final = "download"
"""A file that somebody takes out of here."""


def sink(deployment: Deployment, rules: AccessRules, name: str, label: Label = PUBLIC) -> Resource:
    """One of them, for data with this label. What is not declared is cleared for what is public.

    Raises ``ConfigurationError`` for a level that the classification policy does not have.
    """
    declared = rules.sinks.get(name, Sink(name))
    # A compartment that no policy gives any more is part of everything, too.
    cleared = _clearance(deployment, declared)
    return Resource("Sink", name, clearance=cleared.join(label) if declared.everything else cleared)


def sinks(deployment: Deployment, rules: AccessRules) -> list[Resource]:
    """All that are declared. Raises ``ConfigurationError``, too."""
    return [sink(deployment, rules, name) for name in sorted(rules.sinks)]


def _clearance(deployment: Deployment, one: Sink) -> Label:
    levels = deployment.levels
    if one.everything:
        return levels.label(levels.names[-1], deployment.compartments())
    try:
        return levels.label(one.level, one.compartments)
    except UnknownLevel as error:
        raise ConfigurationError(error.what, where=f"access.yaml: sinks.{one.name}.level", why=error.why) from None
