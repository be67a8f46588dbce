"""A replay of the policy that decided comes to what was decided; of another one, to what that would have decided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.console.fakes import inspector, policy_of

from wardstead.inspection.policy import FLOWS
from wardstead.inspection.ports import ANSWER, PROMPT, Flow
from wardstead.inspection.pseudonyms import Vault
from wardstead.inspection.replay import Excerpt, Recorded, Rejudge, Sighting, fate, passages
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import PUBLIC, label

MASKS = """
version: 1
extends: general
rules:
  - {type: email, label: {level: confidential, compartments: [personal]}, prompt: pseudonymise, answer: mask}
  - {category: payment, label: {level: restricted, compartments: [payment]}, prompt: redact, answer: redact}
combinations:
  - {id: card-of-somebody, of: [{type: payment-card}, {type: phone}], within: 60, label: {level: restricted}, prompt: block}
"""
WORDS = ("hello ", "ann@example.org", " 4111 1111 1111 1111 ", " é ", "\n", " +1 415 555 2671 ", "x", " bob@example.com ")
texts = st.lists(st.sampled_from(WORDS), max_size=8).map("".join)


def replayed(text: str, flow: Flow, policy: str = MASKS) -> tuple[object, object]:
    """What was decided of a text, and what the same policy makes of the record of it."""
    inspects = inspector(policy)
    explains = inspects.classifier()
    stand_ins = Vault(lambda count: bytes(range(count)), lambda _: True)
    (decided,) = inspects.inspect_all((text,), flow, pseudonyms=stand_ins)
    recorded = [Recorded(Sighting(one.start, one.end, one.type, one.score), one.action) for one in decided.findings]
    kept = "" if decided.action.stops else decided.text
    seen = [Sighting(one.start, one.end, kind) for one in explains.classify(kept).findings for kind in (one.type, *one.also)]
    verdict = Rejudge(explains.kinds, inspects.policy).verdict(passages(kept, recorded, seen), flow)
    return (decided.action, decided.label), (verdict.action, verdict.label)


@given(texts, st.sampled_from(FLOWS))
def test_the_policy_that_decided_decides_the_same_of_the_record(text: str, flow: Flow) -> None:
    decided, again = replayed(text, flow)
    assert again == decided


@given(st.lists(st.tuples(st.text("ab\n", max_size=5), st.text("cdé", min_size=1, max_size=30)), max_size=6))
def test_what_was_taken_out_keeps_its_place(parts: list[tuple[str, str]]) -> None:
    original, kept, recorded = "", "", []
    for before, secret in parts:
        original += before
        seen = Sighting(len(original), len(original) + len(secret), "email")
        recorded.append(Recorded(seen, Action.REDACT))
        original, kept = original + secret, kept + before + "[redacted:email]"
    original, kept = original + "zz", kept + "zz"
    (passage,) = passages(kept, recorded, [Sighting(len(kept) - 2, len(kept), "phone")])
    assert len(passage.text) == len(original)
    hidden = {place for one in recorded for place in range(one.seen.start, one.seen.end)}
    assert all(passage.text[at] == char for at, char in enumerate(original) if at not in hidden)
    assert Sighting(len(original) - 2, len(original), "phone") in passage.sightings
    long = [passage.text[one.seen.start : one.seen.end] for one in recorded if one.seen.end - one.seen.start > 2]
    assert len(set(long)) == len(long), "what was taken out counts as different"


def test_a_record_that_does_not_fit_its_text_loses_nothing_but_nearness() -> None:
    recorded = [Recorded(Sighting(5, 24, "payment-card"), Action.REDACT)]
    apart = passages("another text", recorded, [Sighting(0, 7, "phone")])
    assert [[one.type for one in passage.sightings] for passage in apart] == [["payment-card"], ["phone"]]
    verdict = Rejudge(inspector(MASKS).classifier().kinds, policy_of(MASKS)).verdict(apart, PROMPT)
    assert set(verdict.acts) == {"payment-card", "phone"}


@given(
    st.text(max_size=40), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20), st.sampled_from(list(Action))), max_size=5)
)
def test_any_record_can_be_replayed(kept: str, found: list[tuple[int, int, Action]]) -> None:
    recorded = [Recorded(Sighting(at, at + size, "email"), action) for at, size, action in found]
    rejudge = Rejudge(inspector(MASKS).classifier().kinds, policy_of(MASKS))
    verdict = rejudge.verdict(passages(kept, recorded, ()), ANSWER)
    if any(size for _, size, _ in found):
        assert "email" in verdict.acts


def test_a_failed_detector_counts_for_both() -> None:
    policy = policy_of("version: 1\nextends: general\nfailures: {public: hold, above: block}\n")
    rejudge = Rejudge(inspector(MASKS).classifier().kinds, policy)
    assert rejudge.verdict([Excerpt("hello")], PROMPT, failed=True).action is Action.HOLD
    mail = Excerpt("ann@example.org", (Sighting(0, 15, "email"),))
    assert rejudge.verdict([mail], PROMPT, failed=True).action is Action.BLOCK
    assert rejudge.verdict([mail], PROMPT).action is Action.ALLOW


def test_an_exchange_ends_where_somebody_is_not_cleared() -> None:
    rejudge = Rejudge(inspector(MASKS).classifier().kinds, policy_of("version: 1\nextends: general\n"))
    mail = rejudge.verdict([Excerpt("ann@example.org", (Sighting(0, 15, "email"),))], PROMPT)
    cleared = label("confidential", ["personal"])
    assert fate(mail, None, model=cleared, person=cleared).word == "allow"
    assert fate(mail, None, model=PUBLIC, person=cleared).word == "refused"
    assert fate(mail, None, model=cleared, person=PUBLIC).word == "refused"
    nothing = rejudge.verdict([Excerpt("hello")], PROMPT)
    assert fate(nothing, mail, model=PUBLIC, person=PUBLIC).word == "refused"
    assert fate(nothing, mail, model=PUBLIC, person=cleared).label == cleared
    assert fate(nothing, mail, model=PUBLIC, person=None).word == "allow"


def test_a_policy_that_says_nothing_of_a_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no rule covers"):
        Rejudge(inspector(MASKS).classifier().kinds, policy_of("version: 1\n"))
