"""What the policies that ship with the product have, and those of an older deployment lack."""

from __future__ import annotations

import re
from importlib.resources import files

from wardstead.access.pdp import CedarDecisionPoint
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.reading import read_text

_POLICY = re.compile(r'@id\("([^"]+)"\)[^;]*?(?:permit|forbid)\s*\([^;]*;')


def lacking_actions(deployment: Deployment, point: CedarDecisionPoint) -> list[str]:
    """Of each action that the deployment's schema does not know: what to take from the files that ship with the product."""
    folder = files("wardstead.catalogues") / "policies"
    roles = (folder / "10-roles.cedar").read_text("utf-8")
    own = "\n".join(read_text(path) for path in sorted(deployment.places.policies.glob("*.cedar")))
    return [_what_to_copy(action, own, roles, str(folder)) for action in sorted(point.unknown_actions)]


def _what_to_copy(action: str, own: str, roles: str, folder: str) -> str:
    """The schema that ships knows all that an older one does, so it takes its place as a whole."""
    permits = [found[1] for found in _POLICY.finditer(roles) if f'Action::"{action}"' in found[0] and f'"{found[1]}"' not in own]
    copied = f"; copy to 10-roles.cedar, from {folder}/10-roles.cedar: {', '.join(permits)}" if permits else ""
    lacks = f"the schema does not fit the action {action}, so it is denied to everybody"
    takes = f"put {folder}/schema.cedarschema in the place of schema.cedarschema, with what you added to yours"
    return f"{lacks}; {takes}{copied}"
