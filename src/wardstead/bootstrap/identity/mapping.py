"""What the groups of an identity provider, a SCIM client or a directory are worth here: read from the configuration, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from wardstead.access.federation import GroupRule, Managed, managed
from wardstead.access.provisioning import Linking, Source
from wardstead.access.rules import BadAttribute
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity.entitlements import is_group_name
from wardstead.bootstrap.identity.people import BadValue, clearance, compatible, known_roles
from wardstead.config.identity import GroupSection
from wardstead.kernel.errors import ConfigurationError


def group_rules(deployment: Deployment, sections: Iterable[GroupSection], where: str) -> tuple[GroupRule, ...]:
    """Raises ``ConfigurationError`` for a role, level, compartment, group or attribute that there is not."""
    return tuple(
        _rule(deployment, section, f"{deployment.places.config}: {where}: groups: {section.group}") for section in sections
    )


def managed_by(deployment: Deployment, label: str, rules: Iterable[GroupRule]) -> Managed:
    """What a mapping alone decides about its people."""
    return managed(label, rules, single(deployment))


def single(deployment: Deployment) -> frozenset[str]:
    """The attributes that have one value."""
    return frozenset(name for name, one in deployment.access_rules().attributes.items() if one.type != "set")


def source(
    deployment: Deployment, source_id: str, sections: Iterable[GroupSection], attributes: Mapping[str, str], *,
    issuer: str = "", link: Linking = Linking.NONE,
) -> Source:  # fmt: skip
    """A source as its section describes it, by the rules that are in force now. Raises ``ConfigurationError``."""
    where = f"identity: {source_id}"
    declared = deployment.access_rules().attributes
    unknown = sorted(attributes.keys() - declared.keys())
    if unknown:
        known = ", ".join(sorted(declared))
        raise ConfigurationError(
            f"there is no attribute {unknown[0][:40]!r}", where=f"{deployment.places.config}: {where}: attributes",
            why=f"declared in access.yaml are: {known}",
        )  # fmt: skip
    return Source(
        source_id, group_rules(deployment, sections, where), dict(attributes), readable(deployment), single(deployment),
        compatible(deployment), issuer, link,
    )  # fmt: skip


def readable(deployment: Deployment) -> Callable[[str, str], bool]:
    """Whether an attribute is declared and may have a value."""
    declared = deployment.access_rules().attributes

    def check(name: str, value: str) -> bool:
        try:
            return name in declared and declared[name].read(value) is not None
        except BadAttribute:
            return False

    return check


def _rule(deployment: Deployment, section: GroupSection, where: str) -> GroupRule:
    given = section.clearance
    attributes = tuple(
        (name, value) for name, said in section.attributes.items() for value in ([said] if isinstance(said, str) else said)
    )
    try:
        for name, value in attributes:
            deployment.access_rules().attribute(name).read(value)
        cleared = None if given is None else clearance(deployment, given.level, given.compartments)
        roles = known_roles(deployment, section.roles)
    except (BadValue, BadAttribute) as error:
        raise ConfigurationError(error.what, where=where, why=error.why, next_step=error.next_step) from None
    for group in section.member_of:
        if not is_group_name(group):
            raise ConfigurationError(
                f"not a group's name: {group[:64]!r}", where=where, why="letters, digits, and . _ - between them"
            )
    return GroupRule(section.group, roles, cleared, frozenset(section.member_of), attributes)
