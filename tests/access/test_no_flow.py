"""No sequence of permitted acts moves data to anybody, to a model or to a sink that does not dominate its label.

A machine of people who ask models, share, read, hand on, export, paste what they read elsewhere, declassify and change: it
follows each piece of data by itself, beside the labels by which the product decides. What a person types has the label that is
recognised in it; what they read carries its label on (``docs/explanation/labels.md``). It holds as well where a deployment's own
policy permits everybody everything: what it cannot take away is what keeps data where it may be.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.access.worlds import POINT, PRODUCT, RULES, SCHEMA, START, STARTER

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import CedarDecisionPoint
from wardstead.access.ports import (
    AccessRequest,
    Container,
    Credential,
    CredentialKind,
    Decision,
    Directory,
    GranteeKind,
    Identity,
    Principal,
    Resource,
    ResourceRef,
    Right,
    Share,
)
from wardstead.access.rules import load_rules
from wardstead.access.shares import CannotGive, Shares
from wardstead.kernel.ids import CredentialId, PrincipalId
from wardstead.kernel.labels import PUBLIC, Label, join_all, label

PERSONAL = frozenset({"personal"})
LABELS = st.sampled_from([PUBLIC, label("internal"), label("confidential"), label("confidential", PERSONAL)])
NAMES = ("ann", "bob", "cem", "steward", "deputy")
STEWARDS = {"steward": label("confidential", PERSONAL), "deputy": label("confidential")}
"""Who may declassify what is not theirs; one of them is not cleared for all that there is."""
MODELS = {"low": label("internal"), "plain": label("confidential"), "high": label("confidential", PERSONAL)}
SINKS = {"webhook": label("internal"), "archive": label("confidential"), "download": label("confidential", PERSONAL)}
PEOPLE = st.sampled_from(NAMES)
RIGHTS = st.sampled_from([frozenset({Right.READ}), frozenset({Right.READ, Right.SHARE}), frozenset({Right.SHARE})])


@dataclass(eq=False)
class Data:
    """A piece of data and the label that it has: what it was recognised as, or what it was declassified to."""

    label: Label


@dataclass(eq=False)
class Conversation:
    owner: str
    id: str
    mark: Label = PUBLIC
    data: list[Data] = field(default_factory=list)
    exchanges: list[tuple[str, Label, list[Data]]] = field(default_factory=list)
    """(id, sealed label, what was said)."""


@dataclass(eq=False)
class Document:
    """Kept with the label that it had when it was added; it may be moved between collections."""

    owner: str
    id: str
    data: list[Data]
    label: Label
    collection: str = ""
    kind: str = "Document"


ALL = '@id("everybody-does-everything") permit (principal, action, resource);'
GENEROUS = CedarDecisionPoint(STARTER | {"90": ALL}, SCHEMA, load_rules(RULES, "access.yaml"), product=PRODUCT)


class Machine(RuleBasedStateMachine):
    cedar = POINT

    def __init__(self) -> None:
        super().__init__()
        self.now, self.version = START, 1
        cleared = {
            "ann": label("internal"),
            "bob": label("confidential"),
            "cem": label("confidential", PERSONAL),
        } | STEWARDS
        self.people = {name: Principal(PrincipalId(name), name, frozenset({"user"}), cleared[name]) for name in NAMES}
        for name in STEWARDS:
            self.people[name] = replace(self.people[name], roles=frozenset({"data-steward"}))
        ref = ResourceRef("Conversation", "of bob")
        first = Share("s0", ref, GranteeKind.PRINCIPAL, "ann", frozenset({Right.READ, Right.SHARE}), 2, PrincipalId("bob"))
        self.shares = {"s0": first}
        # From the beginning there is something that not everybody is cleared for: by its level, and by its compartment alone.
        self.conversations = [Conversation("bob", "of bob"), Conversation("cem", "of cem")]
        for where, marked in zip(self.conversations, (label("confidential"), label("confidential", PERSONAL)), strict=True):
            said = [Data(marked)]
            where.mark, where.data = marked, list(said)
            where.exchanges.append((f"e0 {where.id}", marked, said))
        self.documents: list[Document] = []
        self.collections = {"plans": "bob"}
        self.read: dict[str, list[Data]] = {name: [] for name in NAMES}
        self.turn()

    def turn(self) -> None:
        """The next snapshot."""
        self.version += 1
        directory = Directory(self.version, {one.id: one for one in self.people.values()}, {}, dict(self.shares))
        self.directory, self.point = directory, MemoisedDecisionPoint(self.cedar, directory)

    @property
    def generous(self) -> bool:
        """Whether only what no deployment takes away keeps anybody from anything."""
        return self.cedar is GENEROUS

    def decide(self, who: str, action: str, resource: Resource, label: Label, target: Label | None = None) -> Decision:
        credential = Credential(
            CredentialId(who), CredentialKind.SESSION, b"", PrincipalId(who), authenticated_ms=self.now - 1000
        )
        identity = Identity(self.people[who], credential)
        return self.point.decide(AccessRequest(identity, action, resource, label, self.now, {}, target))

    # -- acts --------------------------------------------------------------------------------------------------------

    @rule(at=st.integers(0, 1), label=LABELS, model=st.sampled_from(sorted(MODELS)), pasted=st.integers(0, 3))
    def ask(self, at: int, label: Label, model: str, pasted: int) -> None:
        """Something new, and perhaps something that was read before, goes to a model in a conversation."""
        where = self.conversations[at]
        said = [Data(label), *self.read[where.owner][-pasted:]] if pasted else [Data(label)]
        mark = join_all([where.mark, *(one.label for one in said)])
        if not self.decide(where.owner, "infer", Resource("Model", model, clearance=MODELS[model]), mark).allow:
            return
        where.mark, where.data = mark, [*where.data, *said]
        where.exchanges.append((f"e{len(where.exchanges)} {where.id}", mark, said))
        for one in where.data:
            assert MODELS[model].dominates(one.label)
            assert self.people[where.owner].clearance.dominates(one.label)

    @rule(by=PEOPLE, to=PEOPLE, at=st.integers(0, 1), depth=st.integers(0, 2), rights=RIGHTS)
    def share(self, by: str, to: str, at: int, depth: int, rights: frozenset[Right]) -> None:
        where = self.conversations[at]
        resource = Resource("Conversation", where.id, owner=PrincipalId(where.owner))
        clearance = self.people[to].clearance
        if not self.decide(by, "shareData", resource, where.mark, clearance).allow:
            return
        try:
            source = Shares(self.directory).source(self.people[by], resource, rights, depth, self.now)
        except CannotGive:
            return
        assert clearance.dominates(where.mark)
        assert self.people[by].clearance.dominates(where.mark)
        made = Share(
            f"s{self.version}", ResourceRef("Conversation", where.id), GranteeKind.PRINCIPAL, to, rights, depth, PrincipalId(by),
            source,
        )  # fmt: skip
        self.shares[made.id] = made
        self.turn()

    @rule()
    def look(self) -> None:
        """Everybody reads whatever policy opens to them."""
        for who in NAMES:
            for where in self.conversations:
                self.look_at(who, where)

    def look_at(self, who: str, where: Conversation) -> None:
        owner = PrincipalId(where.owner)
        for exchange, sealed, said in where.exchanges:
            resource = Resource("Exchange", exchange, owner=owner, within=(Container("Conversation", where.id, owner),))
            if self.decide(who, "viewExchange", resource, sealed).allow:
                assert self.generous or who == where.owner or self.holds(who, where.id)
                assert who == where.owner or all(self.people[who].clearance.dominates(one.label) for one in said)
                self.read[who] = [*self.read[who], *said][-5:]

    def holds(self, who: str, conversation: str) -> bool:
        """Whether a chain of shares from its owner reaches them, looked at without the product's help."""
        owner = next(one.owner for one in self.conversations if one.id == conversation)

        def reaches(share: Share) -> bool:
            if share.parent is None:
                return share.granted_by == owner
            above = self.shares.get(share.parent)
            return above is not None and above.grantee == share.granted_by and Right.SHARE in above.rights and reaches(above)

        return any(
            one.grantee == who and one.resource.id == conversation and Right.READ in one.rights and reaches(one)
            for one in self.shares.values()
        )

    # -- documents ---------------------------------------------------------------------------------------------------

    def resource_of(self, one: Document) -> Resource:
        whole = self.collections.get(one.collection)
        within = (Container("Collection", one.collection, PrincipalId(whole)),) if whole else ()
        return Resource(one.kind, one.id, owner=PrincipalId(one.owner), within=within)

    @rule(by=PEOPLE, label=LABELS, pasted=st.integers(0, 3), inside=st.booleans(), template=st.booleans())
    def keep(self, by: str, label: Label, pasted: int, inside: bool, template: bool) -> None:
        """A document is added, perhaps with what its author has read elsewhere, perhaps to a collection of somebody's; or a
        template, which is in none.
        """
        inside = inside and not template
        said = [Data(label), *self.read[by][-pasted:]] if pasted else [Data(label)]
        mark = join_all(one.label for one in said)
        into = "plans" if inside else ""
        whole = Resource("Collection", "plans", owner=PrincipalId(self.collections["plans"]))
        if into and not self.decide(by, "changeData", whole, PUBLIC).allow:
            return
        made = Document(by, f"d{len(self.documents)}", said, mark, into, "Template" if template else "Document")
        if (
            len(self.documents) < 6
            and self.decide(by, "changeData", Resource(made.kind, "new", owner=PrincipalId(by)), mark).allow
        ):
            assert self.people[by].clearance.dominates(mark)
            self.documents.append(made)

    @precondition(lambda self: self.documents)
    @rule(by=PEOPLE, to=PEOPLE, data=st.data(), whole=st.booleans(), rights=RIGHTS | st.just(frozenset({Right.USE})))
    def give_document(self, by: str, to: str, data: st.DataObject, whole: bool, rights: frozenset[Right]) -> None:
        one = data.draw(st.sampled_from(self.documents))
        resource = self.resource_of(one)
        mark = one.label
        if whole:
            resource = Resource("Collection", "plans", owner=PrincipalId(self.collections["plans"]))
            mark = join_all(each.label for each in self.documents if each.collection)
        clearance = self.people[to].clearance
        if not self.decide(by, "shareData", resource, mark, clearance).allow:
            return
        try:
            source = Shares(self.directory).source(self.people[by], resource, rights, 0, self.now)
        except CannotGive:
            return
        made = Share(f"s{self.version}", resource.ref, GranteeKind.PRINCIPAL, to, rights, 0, PrincipalId(by), source)
        self.shares[made.id] = made
        self.turn()

    @precondition(lambda self: self.documents)
    @rule(by=PEOPLE, data=st.data())
    def move(self, by: str, data: st.DataObject) -> None:
        """Into the collection, or out of it: what is shared of that is shared of it from then on."""
        one = data.draw(st.sampled_from(self.documents))
        whole = Resource("Collection", "plans", owner=PrincipalId(self.collections["plans"]))
        if one.kind == "Template" or not self.decide(by, "changeData", self.resource_of(one), one.label).allow:
            return
        if one.collection:
            one.collection = ""
        elif self.decide(by, "changeData", whole, PUBLIC).allow:
            one.collection = "plans"

    @rule()
    def read_documents(self) -> None:
        """Everybody reads whatever policy opens to them."""
        for who in NAMES:
            for one in self.documents:
                if self.decide(who, "readData", self.resource_of(one), one.label).allow:
                    assert all(self.people[who].clearance.dominates(each.label) for each in one.data)
                    self.read[who] = [*self.read[who], *one.data][-5:]

    @precondition(lambda self: self.documents)
    @rule(to=st.sampled_from(sorted(SINKS)))
    def export(self, to: str) -> None:
        """Everybody lets go whatever policy lets them: what they may read, and where it may go."""
        for who in NAMES:
            for one in self.documents:
                reads = self.decide(who, "readData", self.resource_of(one), one.label).allow
                if reads and self.decide(who, "exportData", Resource("Sink", to, clearance=SINKS[to]), one.label).allow:
                    assert all(SINKS[to].dominates(each.label) for each in one.data)
                    assert all(self.people[who].clearance.dominates(each.label) for each in one.data)

    @precondition(lambda self: self.documents)
    @rule(at=st.integers(0, 1), model=st.sampled_from(sorted(MODELS)), data=st.data())
    def name_document(self, at: int, model: str, data: st.DataObject) -> None:
        """A request in a conversation names a document or a template: it is decided about, then the model with all labels."""
        where, one = self.conversations[at], data.draw(st.sampled_from(self.documents))
        if not self.decide(where.owner, "useData", self.resource_of(one), one.label).allow:
            return
        mark = where.mark.join(one.label)
        if not self.decide(where.owner, "infer", Resource("Model", model, clearance=MODELS[model]), mark).allow:
            return
        where.mark, where.data = mark, [*where.data, *one.data]
        where.exchanges.append((f"e{len(where.exchanges)} {where.id}", mark, list(one.data)))
        for each in where.data:
            assert MODELS[model].dominates(each.label)
            assert self.people[where.owner].clearance.dominates(each.label)

    @rule(by=PEOPLE, at=st.integers(0, 1), to=LABELS)
    def declassify(self, by: str, at: int, to: Label) -> None:
        where = self.conversations[at]
        if not where.mark.dominates(to) or where.mark == to:
            return
        resource = Resource("Conversation", where.id, owner=PrincipalId(where.owner))
        if not self.decide(by, "declassify", resource, where.mark).allow:
            return
        assert self.generous or (by in STEWARDS and by != where.owner)
        assert self.people[by].clearance.dominates(where.mark)
        where.mark = to
        for one in where.data:
            one.label = one.label if to.dominates(one.label) else to

    @precondition(lambda self: self.shares)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(sorted(self.shares)))
        for one in Shares(self.directory).below(gone):
            del self.shares[one]
        self.turn()

    @rule(who=PEOPLE, clearance=LABELS)
    def clear(self, who: str, clearance: Label) -> None:
        """Somebody is cleared for more, or for less."""
        self.people[who] = replace(self.people[who], clearance=clearance)
        self.turn()


class GenerousMachine(Machine):
    cedar = GENEROUS


TestNoFlow, TestNoFlowWhereAllIsPermitted = Machine.TestCase, GenerousMachine.TestCase
TestNoFlow.settings = settings(max_examples=min(settings.default.max_examples, 5000), stateful_step_count=50, deadline=None)
TestNoFlowWhereAllIsPermitted.settings = settings(TestNoFlow.settings, max_examples=TestNoFlow.settings.max_examples // 4)
