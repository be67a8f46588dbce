"""Chunking does not matter: what is released equals a plain reference of the whole text, however it is cut."""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.inspection.reference import CANARY, DETECTORS, INSPECTOR, POLICY, cut, inspect, reference, stream

from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.patterns.catalogue import WINDOW_BYTES, Detector, load_catalogues
from wardstead.inspection.patterns.guard import PatternGuard
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import ANSWER, PROMPT
from wardstead.inspection.validators import VALIDATORS
from wardstead.kernel.findings import Action

EXAMPLES = [example for one in DETECTORS for example in (*one.examples, *one.counter_examples)] + [CANARY]
FRAGMENTS = st.sampled_from(EXAMPLES).flatmap(lambda text: st.integers(1, len(text)).map(lambda end: text[:end]))
TAILS = st.sampled_from(EXAMPLES).flatmap(lambda text: st.integers(0, len(text) - 1).map(lambda start: text[start:]))
WORDS = sorted({word for one in DETECTORS for word in one.context})
GLUE = st.sampled_from([" ", "\\", "\\n", "\\t", "", "\n", ".", ",", "é", "𝒳", "-", "1", "@", ";", ": ", "x" * 70, *WORDS])
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TEXTS = st.lists(st.one_of(st.sampled_from(EXAMPLES), FRAGMENTS, TAILS, GLUE, ANYTHING), max_size=14)
PLAIN = TEXTS.map("".join)


def disguised(text: str, how: list[int]) -> str:
    """The text with some of its characters replaced by look-alikes, or with invisible ones after them."""
    other = str.maketrans(
        "aceopxyiABEKMHOPCT0123456789-. @",
        "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456\u0410\u0392\u0395\u039a\u039c\u041d\u041e\u0420\u0421\u0422\uff10\u0661\u0968\uff13\u2463\uff15\U0001d7d4\uff17\uff18\u2078\u2011\uff0e\u00a0\uff20",
    )
    hidden = [
        "\u200b",
        "\u00ad",
        "\u202e",
        "\ufe0f",
        "\u2060" * 70,
        "\U000e0041",
        "\\u200b",
        "\\u0031",
        "\\u",
        "\u0301\u0323",
        "&shy;",
        "&#49;",
        "&#x31",
        "&#",
    ]
    out = [*text]
    for number in how if text else ():
        at = number % len(out)
        out[at] = out[at].translate(other) if number % 3 else out[at] + hidden[number // 3 % len(hidden)]
    return "".join(out)


MARKUP = [
    "**", "`", "~~", "<b>", "</b>", "</b><I class='x y'>", "<wbr/>", "<!-- -->", "\x1b[1m", "\x1b[0;31m\x1b[4m",
    '" + "', "' '", '"\n    "', '" ..\r\n"', "=\n", "=\r\n",
]  # fmt: skip


def marked_up(text: str, size: int) -> str:
    """Something that is no part of a word between every ``size`` characters."""
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return "".join(f"{piece}{MARKUP[at % len(MARKUP)]}" for at, piece in enumerate(pieces[:-1])) + "".join(pieces[-1:])


ENCODERS: list[Callable[[bytes], str]] = [
    lambda data: base64.b64encode(data).decode(),
    lambda data: base64.urlsafe_b64encode(data).decode(),
    bytes.hex,
    lambda data: data.hex(":"),
    lambda data: "".join(f"\\x{byte:02x}" for byte in data),
    quote,
    lambda data: base64.b32encode(data).decode(),
    lambda data: base64.a85encode(data, adobe=True).decode(),
    lambda data: codecs.encode(data.decode("latin-1"), "rot13"),
    lambda data: " ".join(f"{byte:02x}" for byte in data),
    lambda data: " ".join(f"{byte:08b}" for byte in data),
    lambda data: ", ".join(map(str, data)),
    lambda data: "".join(f"\\{byte:03o}" for byte in data),
    lambda data: ".".join(data.decode("latin-1")),
    lambda data: "\r\n".join(data.decode("latin-1")),
    lambda data: "  ".join(data.decode("latin-1")),
    lambda data: "".join(f"={byte:02X}" for byte in data),
    lambda data: marked_up(data.decode("latin-1"), 1),
    lambda data: marked_up(data.decode("latin-1"), 7),
]
ENCODED = st.builds(lambda text, encode: encode(text.encode()), FRAGMENTS, st.sampled_from(ENCODERS))
TEXT = st.one_of(
    PLAIN,
    st.lists(st.one_of(ENCODED, GLUE, FRAGMENTS), max_size=8).map("".join),
    st.tuples(PLAIN, st.lists(st.integers(0, 10_000), max_size=12)).map(lambda pair: disguised(*pair)),
)

# Two detectors whose matches share a border, so that they overlap in a chain of any length.
CHAIN = load_catalogues(
    {
        "chain.yaml": r"""
version: 1
detectors:
  - {id: one, type: one, category: link, source: none, pattern: '\([a-z]{40}\[', examples: [x]}
  - {id: two, type: two, category: link, source: none, pattern: '\[[a-z]{40}\(', examples: [x]}
"""
    }
)
CHAIN_POLICY = load_policy("{version: 1, rules: [{category: link, label: {level: internal}, prompt: allow, answer: allow}]}", "p")
CHAIN_INSPECTOR = PolicyInspector(CHAIN, CHAIN_POLICY)


@example("ANTHROPIC_API_KEY=sk-ant-ort99-Ujz69LvLZSYSd6Md1yCQxUp\u05ea.\u05d6. 212345672")  # a word right after another script
@example("id=\u05ea.\u05d6.212345672 x\u8eab\u4efd\u8b49A123456789 mod43ABC 12345")
@given(TEXT)
def test_the_verdict_on_a_whole_text_equals_the_plain_reference(text: str) -> None:
    assert inspect(text) == reference(text)


@given(TEXT, st.lists(st.integers(0, 400), max_size=60))
def test_chunking_does_not_matter(text: str, cuts: list[int]) -> None:
    assert stream(cut(text, cuts)) == reference(text)


@settings(max_examples=40)
@given(TEXT)
def test_one_character_at_a_time_does_not_matter(text: str) -> None:
    assert stream(list(text)) == reference(text)


@settings(max_examples=15)
@given(st.lists(TEXT, min_size=3, max_size=12), st.integers(1, 700))
def test_chunking_does_not_matter_in_texts_longer_than_the_window(texts: list[str], size: int) -> None:
    text = " lorem ipsum dolor sit amet \u00e9\u00e8 ".join(part * 8 for part in texts)
    assert stream(cut(text, range(0, len(text), size))) == reference(text)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.id)
def test_no_split_of_an_example_lets_a_part_of_it_out(detector: Detector) -> None:
    for said in detector.examples:
        text = f"so: {said} and on"
        expected = reference(text)
        for place in range(1, len(text)):
            assert stream([text[:place], text[place:]]) == expected


@settings(max_examples=60)
@given(TEXT, ANYTHING)
def test_what_is_released_early_is_never_part_of_a_match(text: str, other: str) -> None:
    """Whatever comes next, what was released is a beginning of the final text."""
    guard = INSPECTOR.guard(ANSWER)
    released = guard.feed(text).text
    for ending in ("", " ", "1", "a", "@example.com ", other):
        assert reference(text + ending).text.startswith(released)


@settings(max_examples=30)
@given(PLAIN, st.integers(0, 3))
def test_what_is_held_back_is_bounded(text: str, copies: int) -> None:
    guard = INSPECTOR.guard(ANSWER)
    assert isinstance(guard, PatternGuard)
    for char in text * (copies + 1) + "a" * (2 * WINDOW_BYTES):
        guard.feed(char)
        assert len(guard._view.text) - guard._released <= 2 * WINDOW_BYTES


@pytest.mark.parametrize("links", [10, 99, 100, 300])
@pytest.mark.parametrize("size", [1, 7, 5000, 100_000])
def test_a_chain_of_overlapping_matches_longer_than_the_window_is_cut(links: int, size: int) -> None:
    text = "before " + "".join("(["[link % 2] + "a" * 40 for link in range(links)) + "([ after"
    verdict = stream(cut(text, range(0, len(text), size)), CHAIN_INSPECTOR)
    assert verdict == inspect(text, CHAIN_INSPECTOR) == reference(text, CHAIN, CHAIN_POLICY)
    assert (verdict.action is Action.BLOCK) == (links * 41 + 1 > WINDOW_BYTES)


@pytest.mark.parametrize(
    "piece",
    [
        *(f" T176000000000000{last} " for last in range(10)),
        "word ",
        "Python3 is a good language and we ",
        "In Q3 we had 300 of 1,000. ",
        "Area 51, say people ",
    ],
)
def test_plain_prose_is_released_at_once(piece: str) -> None:
    assert INSPECTOR.guard(ANSWER).feed(piece).text == piece


WITHOUT_COMBINATIONS = PolicyInspector(DETECTORS, replace(POLICY, combinations=()))


@given(st.lists(TEXT, max_size=5))
def test_inspecting_many_equals_inspecting_each(texts: list[str]) -> None:
    each = [WITHOUT_COMBINATIONS.inspect(text, PROMPT) for text in texts]
    assert WITHOUT_COMBINATIONS.inspect_all(texts, PROMPT) == each


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-" + "a1" * 500,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi" + "aB3" * 2000,
        "api_key=" + "9f8Ke7d6c5Xb4a3z" * 20,
        "ghp_" + "a1" * 200,
    ],
    ids=["slack", "jwt", "assigned", "github"],
)
def test_a_secret_too_long_for_its_pattern_is_cut_not_let_through(secret: str) -> None:
    text = f"my key is {secret} end"
    for verdict in (inspect(text), stream(list(text)), reference(text)):
        assert verdict.action is Action.BLOCK
        assert "my key is api_key=".startswith(verdict.text)


def test_only_the_secret_of_an_assignment_is_redacted() -> None:
    assert inspect('DB_PASSWORD="c0rrectHorse9battery"').text == 'DB_PASSWORD="[redacted:password]"'
    text = inspect("postgresql://app:s3cretPassw0rd@db/app").text
    assert text == "postgresql://[redacted:url-credentials]@db/app"


def test_what_is_redacted_no_longer_raises_the_label() -> None:
    assert str(inspect("card 4111 1111 1111 1111").label) == "public"
    assert str(inspect("card 4111 1111 1111 1111 of jane.doe@example.com").label) == "confidential; personal"


def test_half_a_surrogate_pair_becomes_a_question_mark_in_a_whole_text_as_in_a_stream() -> None:
    assert inspect("a\ud800b").text == stream(["a\ud800b"]).text == "a?b"
    assert INSPECTOR.inspect_all(["a\ud800b", "c"], PROMPT)[0].text == "a?b"


def test_a_validator_that_crashes_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_match: bytes) -> int:
        raise ZeroDivisionError

    monkeypatch.setitem(VALIDATORS, "payment-card", crash)
    inspector = PolicyInspector(DETECTORS, POLICY)
    text = "my card is 4111 1111 1111 1111 ok"
    for verdict in (inspect(text, inspector), stream(list(text), inspector)):
        assert verdict.action is Action.BLOCK
        assert "4111" not in verdict.text
        assert verdict.findings[-1][0] == "detector-failed"
    assert inspector.inspect_all([text, "you"], PROMPT)[0].action is Action.BLOCK
    assert inspector.inspect_all([text, "you"], PROMPT)[1].action is Action.ALLOW


def test_after_a_crash_a_guard_releases_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    inspector = PolicyInspector(DETECTORS, POLICY)
    monkeypatch.setattr(inspector._matcher, "candidates", lambda *_: 1 / 0)
    guard = inspector.guard(ANSWER)
    assert guard.feed("hello ").action is Action.BLOCK
    assert guard.feed("more").text == guard.finish().text == ""
    assert inspector.inspect_all(["hello", "you"], PROMPT)[1].findings[0].type == "detector-failed"


@pytest.mark.parametrize("escape", ["\\n", "\\t", "\\r", "\\\\n"])
@pytest.mark.parametrize("secret", ["AKIA2OGYBAH6Q4PZVN5T", "4111 1111 1111 1111", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"])
def test_the_letter_of_an_escape_is_no_part_of_what_follows_it(escape: str, secret: str) -> None:
    text = f'{{"k": "x{escape}{secret}{escape}y"}}'
    for verdict in (inspect(text), stream(list(text)), reference(text)):
        assert secret not in verdict.text
        assert f"x{escape}[redacted" in verdict.text


SECRETS = ["AKIA2OGYBAH6Q4PZVN5T", "4111 1111 1111 1111", "jane.doe@example.com", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"]


@pytest.mark.parametrize("encode", ENCODERS[:6], ids=["base64", "base64url", "hex", "hex-colons", "escaped", "percent"])
@pytest.mark.parametrize("secret", SECRETS)
def test_what_is_hidden_in_an_encoding_is_found_where_it_stands(encode: Callable[[bytes], str], secret: str) -> None:
    hidden = encode(f"my secret: {secret} (keep it)".encode())
    if ":" in hidden:
        return  # pairs with colons are an address of a device, and no more
    text = f"so {hidden} there"
    for verdict in (inspect(text), stream(list(text)), reference(text)):
        kinds = {kind for kind, *_ in inspect(secret).findings}
        assert kinds & {kind for kind, start, end, _ in verdict.findings if text[start:end].strip("=") in hidden}
        assert verdict.action > Action.ALLOW or verdict.text == text


GITHUB = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        *((encode(b"card 4111 1111 1111 1111"), "payment-card") for encode in (*ENCODERS[6:8], *ENCODERS[9:13])),
        (codecs.encode(GITHUB, "rot13"), "github-token"),
        (codecs.encode("AKIA2OGYBAH6Q4PZVN5T", "rot13"), "aws-access-key"),
        *((between.join(GITHUB), "github-token") for between in (" ", ".", "\n", "\r\n", ", ", "|", "  ")),
        (" ".join("anna@example.org"), "email"),
        (".".join("4111111111111111"), "payment-card"),
        ("card " + " ".join("4111111111111111"), "payment-card"),
        ("card 4 1 1 1  1 1 1 1  1 1 1 1  1 1 1 1", "payment-card"),
        ("my SSN: 5 3 6 - 9 0 - 4 3 9 9", "us-ssn"),
        *((f"{GITHUB[:9]}{mark}{GITHUB[9:30]}{mark}{GITHUB[30:]}", "github-token") for mark in MARKUP),
        *((f"4111{mark}1111{mark}1111{mark}1111", "payment-card") for mark in MARKUP),
        (marked_up(GITHUB, 1), "github-token"),
        ("".join(f"={ord(char):02X}" for char in GITHUB), "github-token"),
        (base64.b64encode("card 4111 1111 1111 1111".encode("utf-16-le")).decode(), "payment-card"),
        ("junk" + base64.b64encode(b"card 4111 1111 1111 1111").decode(), "payment-card"),
        (base64.b64encode(b"\x00\x01\x02\xff" + b"card 4111 1111 1111 1111 \xfe\xff").decode(), "payment-card"),
    ],
)
def test_what_is_spelled_otherwise_is_found(text: str, kind: str) -> None:
    said = f"so: {text} ok"
    expected = reference(said)
    assert kind in {one[0] for one in expected.findings}
    assert inspect(said) == stream(list(said)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "row 4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 end",
        "[4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
        "C H A P T E R  O N E  A N D  T W O",
        "a b c d e f g h i j k l m n o p q r s t u v w x y z",
        "x = a + b - c * d / e + f - g * h / i + j",
        "<tr><td>4111</td><td>1111</td><td>1111</td><td>1111</td></tr>",
        '["4111", "1111", "1111", "1111"]',
        "x=41&y=11&z=11, a*b*c**2, `one``two`, it's 'so', don't",
        "12 34 56 78 90 12 34 56 78 90 12 34 56 78 90 12 34",
        "00110100 00110001 00110001 00110001 00110001 00110001 00110001 00110001 00110001 00110001 00110001",
    ],
)
def test_characters_and_numbers_in_a_row_are_no_finding_by_themselves(text: str) -> None:
    assert inspect(text).findings == []


def test_what_is_encoded_twice_is_found() -> None:
    text = base64.b64encode(base64.b64encode(b"card 4111 1111 1111 1111")).decode()
    for verdict in (inspect(text), stream(list(text)), reference(text)):
        assert {one[0] for one in verdict.findings} == {"payment-card"}


@pytest.mark.parametrize(
    "text",
    [
        "commit 3f9a1c0b7de24518a6c2e0f9b81d77433f9a1c0b by somebody",
        "run 5fa2b0c1-93de-4c7b-8a16-2f0e7d9b4c38 ended",
        "![dot](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)",
        "sha512-9QdXXJmLcXJZ5cVnUs5vJZ8xkMIlq8Vu2GVcDw3kLqbnNHRmWnYUQ0OqRzVd0WMV2ZzqnNWTY3kEfnUi1CTQcw==",
        "https://example.com/search?q=how%20to%20bake%20bread",
        base64.b64encode(b"The quick brown fox jumps over the lazy dog").decode(),
    ],
)
def test_what_is_encoded_is_no_finding_by_itself(text: str) -> None:
    assert inspect(text).findings == []


@pytest.mark.parametrize(
    "text",
    [
        "\uff14\uff11\uff11\uff11\u3000\uff11\uff11\uff11\uff11\u3000\uff11\uff11\uff11\uff11\u3000\uff11\uff11\uff11\uff11",
        "4\u200b111\u00a01111\u20091111\u202f1\u00ad1\ufe0f1\u20601",
        "4111\u20111111\u20131111\u22121111",
        "\U0001d7d2\U0001d7cf\U0001d7cf\U0001d7cf 1111 1111 \u0661\u0967\u2460\u00b9",
        "4111 1111 1111 \\u0031111",
        "\u202e4111 1111 1111 1111\u202c",
        "\U000e0034\U000e0031\U000e0031\U000e0031\U000e0020" + "1111 1111 1111",
        "4\u0301111 1\u0336\u0324111 1111 1111\u0359",
        "".join(f"&#{ord(char)};" for char in "4111 1111 1111 1111"),
        "".join(f"&#x{ord(char):X}" for char in "4111 1111 1111 1111"),
        "4111&nbsp;1111&#160;1111&ensp;1&shy;111",
    ],
)
def test_a_disguised_card_is_a_card(text: str) -> None:
    for verdict in (inspect(f"card {text} ok"), stream(list(f"card {text} ok")), reference(f"card {text} ok")):
        assert verdict.text.replace("\u202e", "") == "card [redacted:payment-card] ok"


def test_what_is_padded_to_more_than_the_window_is_cut() -> None:
    text = "card " + ("\U000e0001" * 64).join("4111 1111 1111 1111") + " ok"
    for verdict in (inspect(text), stream([text[at : at + 50] for at in range(0, len(text), 50)]), reference(text)):
        assert (verdict.action, verdict.text) == (Action.BLOCK, "card ")


@pytest.mark.parametrize(
    "text", ["\x9b2J", "\x9d52;c;cm0gLXJmIH4=\x07", "\x9d52;c;cm0gLXJmIH4=\x9c", "\x90+q\x1b\\", "\x84", "\\u009b2J"]
)
def test_a_control_of_eight_bits_is_the_escape_that_terminals_take_it_for(text: str) -> None:
    said = f"so {text} on"
    for verdict in (inspect(said), stream(list(said)), reference(said)):
        kept = verdict.text if verdict.action is Action.BLOCK else verdict.text.replace("[redacted:terminal-escape]", "")
        assert "terminal-escape" in [one[0] for one in verdict.findings]
        assert "so  on".startswith(kept)


@pytest.mark.parametrize("between", ["\t", "  ", " - ", "_", "-\n", "\r\n", " \\n"])
@pytest.mark.parametrize("groups", ["4111 1111 1111 1111", "GB29 NWBK 6016 1331 9268 19"])
def test_a_line_s_end_or_a_table_between_groups_hides_no_number(groups: str, between: str) -> None:
    text = f"pay so {groups.replace(' ', between, 1)} on"
    for verdict in (inspect(text), stream(list(text)), reference(text)):
        assert verdict.text in {"pay so [redacted:payment-card] on", "pay so [redacted:iban] on"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("My SSN is 536-90-4399x ok", "My SSN is x ok"),
        ("My SSN is _536-90-4399_ ok", "My SSN is __ ok"),
        ("SSN: 536 - 90 - 4399 ok", "SSN:  ok"),
        ("SSN: 536\t90\t4399 ok", "SSN:  ok"),
    ],
)
def test_a_number_after_its_name_is_taken_out_whole(text: str, kept: str) -> None:
    for verdict in (inspect(text), stream(list(text)), reference(text)):
        assert re.sub(r"\[redacted:[a-z-]+\]", "", verdict.text) == kept
