"""Two classification policies compared, and detectors under another one than they were made with."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bootstrap.worlds import inspector
from tests.inspection.reference import ready_made

from wardstead.inspection.policy import FLOWS, ClassificationPolicy
from wardstead.inspection.policy_changes import NOTHING, PolicyChange, policy_changes
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import PROMPT

TEXT = "Charge 4111 1111 1111 1111, IBAN DE89 3704 0044 0532 0130 00, or 5500 0000 0000 0004."
WORDS = st.sampled_from(["allow", "flag", "pseudonymise", "mask", "redact", "hold", "block"])
LEVELS = st.sampled_from(["internal", "confidential", "restricted"])
MADE = inspector()


def of(*lines: str, extends: str = "general") -> ClassificationPolicy:
    return load_policy("\n".join(["version: 2", f"extends: {extends}", *lines]), "p.yaml", ready_made)


def rule(kind: str, level: str, prompt: str, answer: str) -> str:
    return f"  - {{type: {kind}, label: {{level: {level}}}, prompt: {prompt}, answer: {answer}}}"


@st.composite
def policies(draw: st.DrawFn) -> ClassificationPolicy:
    kinds = draw(st.sets(st.sampled_from(["payment-card", "iban"])))
    rules = [rule(kind, draw(LEVELS), draw(WORDS), draw(WORDS)) for kind in sorted(kinds)]
    return of(*(["rules:", *rules] if rules else []), extends=draw(st.sampled_from(["general", "health", "payment"])))


@settings(max_examples=15)
@given(policies(), policies())
def test_detectors_under_another_policy_are_those_that_were_made_with_it(
    first: ClassificationPolicy, second: ClassificationPolicy
) -> None:
    one = MADE.under(first)
    before = [one.inspect(TEXT, flow) for flow in FLOWS]
    other, plain = one.under(second), MADE.under(second)
    assert other.version == plain.version
    assert [other.inspect(TEXT, flow) for flow in FLOWS] == [plain.inspect(TEXT, flow) for flow in FLOWS]
    assert [one.inspect(TEXT, flow) for flow in FLOWS] == before, "who goes by the first goes on by it"
    guard = other.guard(PROMPT)
    streamed = "".join(guard.feed(TEXT[at : at + 7]).text for at in range(0, len(TEXT), 7)) + guard.finish().text
    whole = other.inspect(TEXT, PROMPT)
    assert whole.action.stops or streamed == whole.text


@settings(max_examples=15)
@given(policies(), policies())
def test_no_change_is_told_where_findings_are_treated_alike_and_each_that_is_not(
    first: ClassificationPolicy, second: ClassificationPolicy
) -> None:
    told = {name for one in policy_changes(first, second, MADE.kinds) for name in one.what}
    for kind in MADE.kinds:
        differs = first.treatment(kind.type, kind.category) != second.treatment(kind.type, kind.category)
        assert (kind.type in told) == differs
    assert policy_changes(first, first, MADE.kinds) == ()
    back = {(one.what, one.after, one.before) for one in policy_changes(second, first, MADE.kinds)}
    assert back == {(one.what, one.before, one.after) for one in policy_changes(first, second, MADE.kinds)}


def test_what_is_kept_combined_and_failed_is_compared_too() -> None:
    more = [
        "combinations:",
        "  - id: two-cards",
        "    of: [{type: payment-card, count: 2}]",
        "    label: {level: restricted}",
        "    prompt: block",
        "    answer: block",
        "handling:",
        "  - {label: {level: restricted}, prompt: redact, answer: redact, retention_days: 30, seen_by: [auditor]}",
        "failures: {public: block, above: block}",
    ]
    found = {one.what[0]: one for one in policy_changes(of(), of(*more), ())}
    assert found["combination two-cards"] == PolicyChange(
        ("combination two-cards",), NOTHING, "2 x payment-card: restricted: prompt block, answer block"
    )
    assert found["records of restricted"].after == "30 days, kept, seen auditor alone"
    assert found["a detector that failed"].after == "public block, above block"
