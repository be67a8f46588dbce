"""What the policies that ship with the product have, and those of an older deployment lack."""

from __future__ import annotations

import re
from importlib.resources import files

from wardstead.access.pdp import CedarDecisionPoint
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.reading import read_text

_POLICY = re.compile(r'@id\("([^"]+)"\)[^;]*?(?:permit|forbid)\s*\([^;]*;')


def lacking_actions(deployment: Deployment, point: CedarDecisionPoint) -> list[str]:
    """Of each action that the deployment's schema does not know: what to add to which file."""
    folder = files("wardstead.catalogues") / "policies"
    schema, roles = ((folder / name).read_text("utf-8") for name in ("schema.cedarschema", "10-roles.cedar"))
    own = read_text(deployment.places.policies / "schema.cedarschema")
    return [_what_to_copy(action, own, schema, roles, str(folder)) for action in sorted(point.unknown_actions)]


def _what_to_copy(action: str, own: str, schema: str, roles: str, folder: str) -> str:
    applies = re.search(rf"\baction [\w, ]*\b{action}\b[\w, ]* appliesTo (\{{[^;]*\}});", schema)
    said = applies[1] if applies else ""
    named = re.search(r"resource: \[(\w+)\]", said)
    lines = (
        [] if named is None or re.search(rf"\bentity\s+{named[1]}\b", own) else re.findall(rf"entity {named[1]}\b[^;]*;", schema)
    )
    lines.append(f"action {action} appliesTo {said};")
    permits = [found[1] for found in _POLICY.finditer(roles) if f'Action::"{action}"' in found[0]]
    copied = " ".join(" ".join(lines).split())
    policies = f"; copy to 10-roles.cedar, from {folder}/10-roles.cedar: {', '.join(permits)}" if permits else ""
    lacks = f"the schema does not know the action {action}, so it is denied to everybody"
    return f"{lacks}; add to schema.cedarschema: {copied}{policies}"
