"""People whom an identity provider vouches for: what it says of them, and what that makes them here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wardstead.access.strength import PROVIDER
from wardstead.kernel.errors import CallerError
from wardstead.kernel.labels import PUBLIC, Label


class NotAdmitted(CallerError):
    """The provider vouches for somebody to whom this deployment gives nothing."""

    code = "not_admitted"


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a provider says of somebody, verified.

    ``subject`` is the provider's own name for them, which is never given to another (OpenID Connect Core, section 5.7); ``name``
    is what they are called, and may change. ``session``: the provider's, by which it ends ours.
    """

    issuer: str
    subject: str
    name: str
    groups: frozenset[str] = frozenset()
    authenticated_ms: int | None = None
    session: str = ""
    methods: frozenset[str] = frozenset()
    """How somebody proved it, in the provider's words (``amr``), and of which class that was (``acr``)."""
    of_class: str = ""


@dataclass(frozen=True, slots=True)
class GroupRule:
    """What the members of one of the provider's groups are here. Without a ``clearance`` it says nothing of that.

    ``groups`` are the deployment's own; ``attributes`` pairs of an attribute of ``access.yaml`` and a value.
    """

    group: str
    roles: frozenset[str] = frozenset()
    clearance: Label | None = None
    groups: frozenset[str] = frozenset()
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StrengthRule:
    """What it is worth here when the provider says all of ``methods``, and this class where one is named."""

    methods: frozenset[str]
    of_class: str
    means: frozenset[str]


def proved(rules: Iterable[StrengthRule], assertion: Assertion) -> frozenset[str]:
    """The means of a sign-in: the provider's word, and what its words about how are worth here."""
    fitting = (
        rule for rule in rules if rule.methods <= assertion.methods and rule.of_class in {"", assertion.of_class}
    )  # fmt: skip
    return frozenset(mean for rule in fitting for mean in rule.means) | {PROVIDER}


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is here: all that their groups give, and one clearance."""

    roles: frozenset[str]
    clearance: Label
    groups: frozenset[str] = frozenset()
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Managed:
    """What a mapping alone decides about its people, besides roles and clearance: what it does not give them, they have not.

    ``label``: as whose word attributes are kept. ``single``: the attributes that have one value: the first that is given.
    """

    label: str
    groups: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    single: frozenset[str] = frozenset()


def managed(label: str, rules: Iterable[GroupRule], single: frozenset[str], also: Iterable[str] = ()) -> Managed:
    """What these rules manage. ``also``: attributes that come from elsewhere."""
    known = tuple(rules)
    groups = frozenset(group for rule in known for group in rule.groups)
    names = frozenset(name for rule in known for name, _ in rule.attributes) | frozenset(also)
    return Managed(label, groups, names, single)


def given(rules: Iterable[GroupRule], groups: frozenset[str]) -> Standing:
    """What the members of ``groups`` are, be it nothing.

    The clearance is that of the first rule that gives one: the join of several would clear for what none of them does (secret
    of the one group, with the compartments of the other).
    """
    fitting = [rule for rule in rules if rule.group in groups]
    return Standing(
        frozenset(role for rule in fitting for role in rule.roles),
        next((rule.clearance for rule in fitting if rule.clearance is not None), PUBLIC),
        frozenset(group for rule in fitting for group in rule.groups),
        tuple(one for rule in fitting for one in rule.attributes),
    )
