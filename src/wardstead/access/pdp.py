"""The policy decision point: Cedar policies under a schema. Default deny; an evaluation error denies.

Cedar skips a policy that errors, so an erroring ``forbid`` could not deny: any error in the diagnostics denies here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import cedarpy

from wardstead.access.bounds import refused
from wardstead.access.ports import AccessRequest, CredentialKind, Decision, Principal, labelled
from wardstead.access.rules import AccessRules
from wardstead.access.situation import Situation, roles_at, situation_of
from wardstead.access.slices import Slices
from wardstead.access.strength import OPERATOR, SECOND_FACTOR, STRENGTHS
from wardstead.access.vocabulary import TypeConfusion, Vocabulary
from wardstead.access.windows import OpenWindows
from wardstead.kernel.encoding import length_prefixed
from wardstead.kernel.errors import ConfigurationError

ACTIONS: Final = frozenset(
    {
        "infer",
        "embed",
        "listModels",
        "readReceipt",
        "viewExchange",
        "declassify",
        "viewConsole",
        "viewLedger",
        "viewAdministration",
        "administer",
        "replayPolicy",
        "evaluateAccess",
        "provision",
        "shareData",
        "revokeShare",
        "requestRole",
        "approveRole",
        "reviewHeld",
        "readHeld",
        "createData",
        "readData",
        "useData",
        "changeData",
        "addModel",
        "approveModel",
        "overrideModel",
        "exportData",
        "proposePolicies",
        "activatePolicies",
    }
)
UNDECIDED: Final = frozenset({
    "access.unknown_action", "access.unknown_to_schema", "access.bad_attribute", "access.evaluation_error",
})  # fmt: skip
"""Codes of denials that are no policy's answer: the question could not be put, or not be answered."""
_WORDS: Final[Mapping[str, str]] = {
    "infer": "ask the model {}",
    "embed": "have the model {} make embeddings",
    "listModels": "see the model {}",
    "readReceipt": "read the receipt {}",
    "viewExchange": "read what was said in the exchange {}",
    "declassify": "lower the label of the conversation {}",
    "viewConsole": "open the console",
    "viewLedger": "see everybody's exchanges",
    "viewAdministration": "read the record of administration",
    "administer": "change people, keys and settings",
    "evaluateAccess": "ask what others may do",
    "provision": "provision people and groups",
    "replayPolicy": "replay a changed policy on recorded exchanges",
    "shareData": "share {}",
    "revokeShare": "take back a share of {}",
    "requestRole": "ask for a role",
    "approveRole": "give somebody a role for some hours",
    "reviewHeld": "review what is held in the exchange {}",
    "readHeld": "read what became of the held exchange {}",
    "createData": "keep documents and templates here",
    "readData": "read {}",
    "useData": "put {} into a request",
    "changeData": "change {}",
    "addModel": "bring a model in",
    "approveModel": "review and approve a model",
    "overrideModel": "let a model serve that was not admitted",
    "exportData": "let data go to {}",
    "proposePolicies": "propose policies",
    "activatePolicies": "put the policies in force that somebody proposed",
}


@dataclass(frozen=True, slots=True)
class _Policy:
    """What is known of one policy besides its conditions."""

    id: str
    reason: str
    effect: str
    actions: frozenset[str]
    roles: frozenset[str]


SIGN_IN: Final = "sign-in"
_ADDRESSES: Final = 10_000
_NAMED: Final = 12
"""So many roles that would help are named to a person."""
_ACTION: Final = re.compile(r'\bAction::"([^"\\]+)"')
_ROLE: Final = re.compile(r'\bRole::"([^"\\]+)"')


_POLICY_NUMBER: Final = re.compile(r"\[policy\d+\] for policy `policy\d+`, ")
"""How the validator names a policy: by its number among those that were given, from 0."""
_NO_CODE: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*')


class CedarDecisionPoint:
    """Decides with a validated policy set. Immutable: a changed policy is a new decision point with a new ``version``."""

    def __init__(
        self,
        policies: Mapping[str, str],
        schema: str,
        circumstances: AccessRules | None = None,
        *,
        product: Mapping[str, str] | None = None,
        beside: Mapping[str, str] | None = None,
    ) -> None:
        """``policies``: file name to Cedar text. Raises ``ConfigurationError`` that names what does not parse or validate.

        ``product``: policies of the product that are in force with every schema that they fit; where one does not, the actions
        that it names are denied. ``beside``: texts that decide about other things and are of the same version.
        """
        if not policies:
            raise ConfigurationError(
                "there are no policies", next_step="restore the starter policies: everything is denied without"
            )
        self._schema = _parse_schema(schema)
        for name, text in policies.items():
            _validate(name, text, self._schema)
        self.circumstances = circumstances if circumstances is not None else AccessRules("")
        self.words = Vocabulary(self._schema, schema, ACTIONS)
        own = frozenset(_texts(json.loads(cedarpy.policies_to_json_str("\n".join(policies.values())))))
        self.asks_strength = not own.isdisjoint(STRENGTHS) and "strength" in self.words.sets
        """Whether a policy may speak of how somebody signed in."""
        policies, without = _in_force(policies, product or {}, self._schema)
        self.unknown_actions = (ACTIONS - self.words.actions) | (ACTIONS & without)
        """The actions that this schema, of an older deployment, does not know."""
        text = "\n".join(policies[name] for name in sorted(policies))
        static = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
        self._slices = Slices(static, schema, ACTIONS)
        self.looked_at = frozenset(_looked_at(static))
        """Every attribute of a resource that a policy looks at."""
        self._about = _describe(static)
        self._helpful = {
            action: frozenset(
                role for policy in self._about.values() if self._would_permit(policy, action) for role in policy.roles
            )
            for action in ACTIONS
        }
        """By action: the roles of which a policy speaks that permits it."""
        self.spoken_of = spoken_of = frozenset(_texts(static))
        """Every text that stands in a policy: names that none of them says decide nothing."""
        rules = self.circumstances
        self._windows = OpenWindows(one for name, one in rules.windows.items() if name in spoken_of)
        self._steps = frozenset(rules.fresh) & spoken_of
        self._networked = not spoken_of.isdisjoint(rules.networks)
        self._networks: dict[str, frozenset[str]] = {}
        self.roles = frozenset(_ROLE.findall(text))
        """Every role that a policy speaks of: another would give nobody anything."""
        parts = [part.encode() for name in sorted(policies) for part in (name, policies[name])]
        said = self.circumstances.version.encode()
        more = [part.encode() for name, text in sorted((beside or {}).items()) for part in (name, text)]
        self.version = sha256(length_prefixed(schema.encode(), *parts, *([said] if said else []), *more)).hexdigest()[:16]

    @property
    def unpermitted(self) -> frozenset[str]:
        """The actions that no policy could permit to anybody."""
        return frozenset(
            action for action in ACTIONS if not any(self._would_permit(policy, action) for policy in self._about.values())
        )

    def networks_of(self, address: str) -> frozenset[str]:
        """See ``DecisionPoint.networks_of``."""
        if not self._networked or not address:
            return frozenset()
        found = self._networks.get(address)
        if found is None:
            if len(self._networks) >= _ADDRESSES:
                self._networks.clear()
            self._networks[address] = found = self.circumstances.networks_of(address)
        return found

    def roles_of(self, who: Principal, now_ms: int) -> frozenset[str]:
        """See ``DecisionPoint.roles_of``."""
        return roles_at(who, now_ms, self.circumstances)

    def decide(self, request: AccessRequest) -> Decision:
        """See ``DecisionPoint.decide``."""
        if request.action not in ACTIONS:
            return _deny("access.unknown_action", f"there is no action {request.action!r}")
        if request.action in self.unknown_actions:
            return _deny(
                "access.unknown_to_schema",
                f"this deployment's schema does not know the action {request.action!r}; "
                "the operator copies it from the schema that ships with Wardstead: 'wardstead config check' says what",
            )
        if not request.identity.principal.active:
            return _deny("access.inactive", "this account is switched off; ask an administrator")
        if (outside := refused(request, self.circumstances)) is not None:
            return outside
        now = self._situation(request)
        decision = self._asked(request, now)
        if not decision.allow and request.identity.credential.kind is CredentialKind.SESSION:
            decision = replace(decision, step=self._step(request, now))
        return decision if now.until_ms is None else replace(decision, not_after_ms=now.until_ms - 1)

    def _step(self, request: AccessRequest, now: Situation) -> str:
        """What would make a denial a permit, of what the asking person can do about their sign-in."""
        fresh = replace(now, fresh=self._steps)
        strong = now
        if self.asks_strength or now.lacks:
            strong = replace(now, strength=now.strength | (STRENGTHS - {OPERATOR}), lacks=frozenset())
        for step, better in (
            (SIGN_IN, fresh),
            (SECOND_FACTOR, strong),
            (SECOND_FACTOR, replace(strong, fresh=self._steps)),
        ):
            if better != now and self._asked(request, better).allow:
                return step
        return ""

    def _asked(self, request: AccessRequest, now: Situation) -> Decision:
        try:
            question, entities = self.words.question(request, now), self.words.entities(request, now)
        except TypeConfusion as error:
            return _deny("access.bad_attribute", f"your attribute {error} is not as the policies know it; tell an administrator")
        return self._evaluate(request, question, entities, now)

    def _situation(self, request: AccessRequest) -> Situation:
        networks = self.networks_of(request.identity.address)
        return situation_of(request, self.circumstances, self._windows.at(request.now_ms), networks, self._steps)

    def _evaluate(
        self, request: AccessRequest, question: dict[str, Any], entities: list[dict[str, Any]], now: Situation
    ) -> Decision:
        try:
            who = request.identity.principal
            policies = self._slices.of(request.action, who.id, now.roles, who.groups)
            result = cedarpy.is_authorized(question, policies, entities, self._schema)
        except (ValueError, TypeError, RuntimeError) as error:
            return _deny(
                "access.evaluation_error", f"the policies could not be evaluated ({type(error).__name__}); tell the operator"
            )
        if result.diagnostics.errors:
            return _deny("access.evaluation_error", "a policy failed while it was evaluated; tell the operator")
        named = sorted(self._about[reason].id for reason in result.diagnostics.reasons if reason in self._about)
        if result.allowed:
            return Decision(allow=True, policies=tuple(named), reason=self._reason(result.diagnostics.reasons), code="allow")
        if named:
            return Decision(allow=False, policies=tuple(named), reason=self._forbidden(request, result), code="access.forbidden")
        return Decision(allow=False, policies=(), reason=self._nearest_permit(request, now), code="access.default_deny")

    def _reason(self, reasons: list[str]) -> str:
        return "; ".join(sorted({self._about[reason].reason for reason in reasons if reason in self._about}))

    def _forbidden(self, request: AccessRequest, result: cedarpy.AuthzResult) -> str:
        """The label is told to whom is cleared for it: what others wrote is not to be known by a reason."""
        said = self._reason(result.diagnostics.reasons)
        return labelled(said, request.label) if request.identity.principal.clearance.dominates(request.label) else said

    def _nearest_permit(self, request: AccessRequest, now: Situation) -> str:
        """A default deny names no policy: say which roles would have been let through."""
        missing = ", ".join(sorted(self._helpful[request.action] - now.roles)[:_NAMED])
        base = f"no policy permits you to {_WORDS[request.action].format(request.resource.id[:80])}"
        return f"{base}; people with one of these roles may: {missing}" if missing else base

    @staticmethod
    def _would_permit(policy: _Policy, action: str) -> bool:
        return policy.effect == "permit" and (action in policy.actions or not policy.actions)


def _deny(code: str, reason: str) -> Decision:
    return Decision(allow=False, policies=(), reason=reason, code=code)


def _parse_schema(text: str) -> Any:
    try:
        return cedarpy.Schema.from_str(text)
    except ValueError as error:
        raise ConfigurationError("the policy schema is not valid", where="schema.cedarschema", why=str(error)[:500]) from None


def _in_force(policies: Mapping[str, str], product: Mapping[str, str], schema: Any) -> tuple[Mapping[str, str], frozenset[str]]:
    """The policies with those of the product that fit the schema, and the actions that the others name."""
    fitting, without = dict(policies), frozenset[str]()
    for name, text in product.items():
        if cedarpy.validate_policies(text, schema).validation_passed:
            fitting[name] = text
        else:
            without |= frozenset(_ACTION.findall(text))
    return fitting, without


def _validate(name: str, text: str, schema: Any) -> None:
    try:
        cedarpy.PolicySet.from_str(text)
        result = cedarpy.validate_policies(text, schema)
    except ValueError as error:
        where = f"{name}:{_line_of_the_first(text, lambda one: not _parses(one))}"
        raise ConfigurationError("the policy that begins here does not parse", where=where, why=str(error)[:500]) from None
    if not result.validation_passed:
        where = f"{name}:{_line_of_the_first(text, lambda one: not cedarpy.validate_policies(one, schema).validation_passed)}"
        why = _POLICY_NUMBER.sub("", "; ".join(str(error) for error in result.errors))[:500]
        raise ConfigurationError("the policy that begins here does not fit the schema", where=where, why=why)


def _line_of_the_first(text: str, is_wrong: Callable[[str], bool]) -> int:
    """Where the first wrong policy begins: the parser and the validator say what is wrong, not where."""
    code = _NO_CODE.sub(lambda found: " " * len(found[0]), text)
    begin = 0
    while (end := code.find(";", begin) + 1) > 0 and not is_wrong(text[begin:end]):
        begin = end
    blank = len(code) - len(code[begin:].lstrip())
    return 1 + text.count("\n", 0, blank)


def _parses(text: str) -> bool:
    try:
        cedarpy.PolicySet.from_str(text)
    except ValueError:
        return False
    return True


def _looked_at(part: Any) -> Iterator[str]:
    """In Cedar's JSON: ``resource.name`` and ``resource has name``."""
    if isinstance(part, list):
        for one in part:
            yield from _looked_at(one)
    elif isinstance(part, dict):
        for name, inner in part.items():
            if name in {".", "has"} and inner.get("left") == {"Var": "resource"}:
                yield inner["attr"]
            yield from _looked_at(inner)


def _texts(part: Any) -> Iterator[str]:
    """Every text in Cedar's JSON, as it is meant: escapes are undone."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, list | dict):
        for one in part.values() if isinstance(part, dict) else part:
            yield from _texts(one)


def _describe(parsed: Mapping[str, Any]) -> dict[str, _Policy]:
    about = {}
    for key, policy in parsed.items():
        notes = policy.get("annotations") or {}
        name = notes.get("id") or key
        about[key] = _Policy(
            name, notes.get("reason") or name, policy["effect"], _actions(policy["action"]), _roles(policy["principal"])
        )
    return about


def _actions(scope: dict[str, Any]) -> frozenset[str]:
    named = [scope.get("entity"), *(scope.get("entities") or ())]
    return frozenset(entity["id"] for entity in named if entity)


def _roles(scope: dict[str, Any]) -> frozenset[str]:
    entity = scope.get("entity") or {}
    return frozenset({entity["id"]}) if entity.get("type") == "Role" else frozenset()
