"""Stand-ins: one for each original, restored exactly, for whom it may be, however the text is cut."""

from __future__ import annotations

import os
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.pseudonyms import ALPHABET, CAPACITY, CODE_LENGTH, Vault, load_stand_ins
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.labels import PUBLIC, Label, label

PERSONAL = label("confidential", {"personal"})
CLEARED = label("restricted", {"personal"})


def vault(**kept: object) -> Vault:
    return Vault(os.urandom, lambda _: True)


def test_an_original_has_one_stand_in_which_says_what_kind_it_is_and_nothing_else() -> None:
    made = vault()
    first = made.stand_in("email", "anna@example.org", PERSONAL)
    assert re.fullmatch(f"Email-[{ALPHABET}]{{{CODE_LENGTH}}}", first)
    assert made.stand_in("email", "anna@example.org", PERSONAL) == first
    assert made.stand_in("email", "bob@example.org", PERSONAL) != first
    assert vault().stand_in("email", "anna@example.org", PERSONAL) != first
    assert made.stand_in("social-security-number", "x", PUBLIC).startswith("SocialSecurityNumber-")


def test_one_that_somebody_finds_or_that_stands_in_the_text_is_not_used() -> None:
    tried: list[str] = []

    def fits(text: str) -> bool:
        tried.append(text)
        return len(tried) == 3

    assert Vault(os.urandom, fits).stand_in("email", "a@b.c", PUBLIC) == tried[2]
    assert Vault(os.urandom, lambda _: False).stand_in("email", "a@b.c", PUBLIC) == "[redacted:email]"


def test_a_full_vault_redacts() -> None:
    made = vault()
    made._by_code |= {str(number): None for number in range(CAPACITY)}  # type: ignore[misc]
    assert made.stand_in("email", "a@b.c", PUBLIC) == "[redacted:email]"


def test_variants_that_models_write_are_restored() -> None:
    made = vault()
    text = made.stand_in("person", "Anna Müller", PERSONAL)
    name, code = text.split("-")
    restore = made.restorer(CLEARED).whole
    for written in (text, text.lower(), text.upper(), f"{name}_{code}", f"{name} {code}", f"{name}\u2011{code.lower()}"):
        assert restore(f"**{written}**'s letter") == "**Anna Müller**'s letter"
    assert restore(f"{name}-{code[:-1]}") == f"{name}-{code[:-1]}"


def test_who_is_not_cleared_for_the_original_sees_its_stand_in() -> None:
    made = vault()
    text = made.stand_in("email", "anna@example.org", PERSONAL)
    assert made.restorer(PUBLIC).whole(text) == text
    assert made.restorer(PERSONAL).whole(text) == "anna@example.org"
    # The same original under a higher label: the higher one counts.
    made.stand_in("email", "anna@example.org", label("restricted"))
    assert made.restorer(PERSONAL).whole(text) == text


def test_a_stand_in_in_an_answer_stands_for_what_it_stood_for() -> None:
    made = vault()
    text = made.stand_in("person", "Anna", PERSONAL)
    assert made.stand_in("person", text.lower(), PERSONAL) == text
    outer = made.stand_in("person", f"{text} Smith", PERSONAL)
    assert made.restorer(CLEARED).whole(outer) == "Anna Smith"


def test_it_survives_being_sealed() -> None:
    made = vault()
    text = made.stand_in("email", "anna@example.org", PERSONAL)
    again = Vault(os.urandom, lambda _: True, load_stand_ins(made.dump()))
    assert made.changed
    assert not again.changed
    assert again.stand_in("email", "anna@example.org", PERSONAL) == text
    assert not again.changed
    assert again.restorer(PUBLIC).whole(text) == text
    again.stand_in("email", "anna@example.org", label("restricted"))
    assert again.changed, "its label is higher now"


DRAWN = iter(["BCDFGP", "XWZ23P", "BCDGHJ", "99999B", "22222P"])


class Known(Vault):
    """Whose codes end as other names begin."""

    def _draw(self) -> str:
        return next(DRAWN)


KNOWN = Known(os.urandom, lambda _: True)
STAND_INS = [
    KNOWN.stand_in(kind, original, label)
    for kind, original, label in (
        ("person", "Anna Müller", PERSONAL), ("person", "Bo", PUBLIC), ("email", "anna@example.org", PERSONAL),
        ("bcd-ghj", "odd", PUBLIC), ("phone", "\u00df\U0001f600 -", label("restricted", {"other"})),
    )
]  # fmt: skip
PIECES = st.one_of(
    st.sampled_from(STAND_INS).flatmap(lambda one: st.sampled_from([one, one.lower(), one.upper(), one.replace("-", " ")])),
    st.sampled_from(STAND_INS).flatmap(lambda one: st.integers(0, len(one)).map(lambda at: one[:at])),
    st.sampled_from(STAND_INS).flatmap(lambda one: st.integers(0, len(one)).map(lambda at: one[at:])),
    st.text(alphabet="PpersonEmailbcdghj-_ 23ß\u0130", max_size=5),
    st.sampled_from(["//", "](", "https:", " ", "\n", "/", "]", "("]),
)
ENTRIES = load_stand_ins(KNOWN.dump())


def reference(text: str, clearance: Label) -> str:
    """Every stand-in replaced, from left to right, but in an address: here that ends with a blank."""
    pattern = "|".join(re.escape(one.text).replace("\\-", "[-_ \u00a0\u2010\u2011\u2013\u2212]") for one in ENTRIES)

    out, done = "", 0
    for found in re.finditer(f"(?ai:{pattern})", text):
        one = next(one for one in ENTRIES if one.text[-CODE_LENGTH:] == found[0][-CODE_LENGTH:].upper())
        out += text[done : found.start()]
        run = re.split(r"[\x00-\x20]", out)[-1]
        # Blanks count for nothing in a mark that begins an address, and what began one counts until the blank behind it.
        before = len(re.sub(r"[\x00-\x20]", "", out)) - len(run)
        marks = re.finditer(r"(?=(//|\]\(|https:))", re.sub(r"[\x00-\x20]", "", out))
        inside = any(mark.end(1) > before for mark in marks)
        out += one.original if clearance.dominates(one.label) and not inside else found[0]
        done = found.end()
    return out + text[done:]


@given(st.lists(PIECES, max_size=8).map("".join), st.lists(st.integers(0, 80), max_size=12), st.sampled_from([PUBLIC, CLEARED]))
def test_however_a_text_is_cut_it_is_restored_as_a_whole(text: str, cuts: list[int], clearance: Label) -> None:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    restorer = KNOWN.restorer(clearance)
    out = ""
    longest = max(map(len, STAND_INS))
    for start, end in pairwise(places):
        out += restorer.feed(text[start:end])
        assert len(restorer._held) < longest
    out += restorer.finish()
    assert out == KNOWN.restorer(clearance).whole(text) == reference(text, clearance)


@given(st.text(alphabet="abc xyz.", max_size=40))
def test_what_cannot_be_a_stand_in_is_not_held_back(text: str) -> None:
    made = vault()
    made.stand_in("q", "original", PUBLIC)
    assert made.restorer(PUBLIC).feed(text) == text


IN_AN_ADDRESS = [
    "![x](https://e.example/p?x={}",
    "![x](https://e.example/p?x=(a)&b='\"<>&c={}",
    "![x](//{}.e.example/",
    "![x](/p?x={}",
    "![x](<https://e.example/p?a b={}",
    "![x](  < https://e.example/\\> b={}",
    "![x][r]\n\n[r]:\n//e.example/{}",
    "[r]:<//e.example/a b {}",
    "https://e.example/{}",
    "https:\\\\e.example\\{}",
    "https:e.example/{}",
    "https&colon;&sol;&sol;e.example/{}",
    "&#104;ttps&#58;{}",
    '<img src="https://e.example/?a b {}',
    '<img src = \'ht\ntps:/\n/e.example/?a "b" {}',
    "<img src=https://e.example/?\"'{}",
    'x=" <img src="https://e.example/?a {}',
    "x=' <img src=\"https://e.example/?'a {}",
    'a:" \n[r]:https://e.example/?"{}',
    'a:"<img/src=https://e.example/?"{}',
    '<a style="x: url( https://e.example/{}',
    "@import 'https://e.example/{}",
    '{{"html":"<img src=\\"https://e.example/?a {}',
    "[a](mailto:x@e.example?body={}",
    "[a](data:text/html,{}",
]


@pytest.mark.parametrize("before", IN_AN_ADDRESS)
def test_nothing_is_restored_inside_an_address(before: str) -> None:
    made = vault()
    text = made.stand_in("email", "anna@example.org", PERSONAL)
    for written in (text, text.lower(), text.replace("-", " ")):
        sent = before.format(written)
        assert made.restorer(CLEARED).whole(sent) == sent
        restorer = made.restorer(CLEARED)
        assert "".join(map(restorer.feed, sent)) + restorer.finish() == sent


def test_an_address_that_was_restored_is_one() -> None:
    made = vault()
    text, host = made.stand_in("email", "anna@example.org", PERSONAL), made.stand_in("url", "https://e.example/", PERSONAL)
    assert made.restorer(CLEARED).whole(f"{host}?x={text}") == f"https://e.example/?x={text}"


@pytest.mark.parametrize(
    "before",
    [
        "{}",
        "[a](https://e.example/ab) {}",
        "See https://e.example/, {}",
        "[{}](https://e.example/)",
        '![a](https://e.example/x.png "a") {}',
        '{{"url":"https://e.example/","to":"{}"}}',
        '["https://e.example/","{}"]',
        'send(to="{}", at="https://e.example/")',
        'send("https://e.example/", to="{}")',
        "http, the data: {}",
        "<b>{}</b>",
        "a / b, 1/{}",
        "I don't know.\n// {}",
        "[a](<https://e.example/a b>) {}",
    ],
)
def test_what_stands_beside_an_address_is_restored(before: str) -> None:
    made = vault()
    text = made.stand_in("email", "anna@example.org", PERSONAL)
    assert made.restorer(CLEARED).whole(before.format(text)) == before.format("anna@example.org")


@given(
    st.lists(
        st.sampled_from(["![](", "<", ">", '"', "'", "=", ":", "src=", "https://", "\\", " ", "\n", "a", STAND_INS[0]]),
        max_size=14,
    )
)
def test_marks_of_addresses_may_be_cut_anywhere(parts: list[str]) -> None:
    text = "".join(parts)
    restorer = KNOWN.restorer(CLEARED)
    assert "".join(map(restorer.feed, text)) + restorer.finish() == KNOWN.restorer(CLEARED).whole(text)


@pytest.mark.parametrize("data", [b"", b"[", b"\xff", b"{}", b"[1]", b'[{"text":"secret"}]'])
def test_what_is_no_vault_is_a_typed_error_that_tells_nothing(data: bytes) -> None:
    with pytest.raises(IntegrityError, match="cannot be read") as refused:
        load_stand_ins(data)
    assert "secret" not in str(refused.value)
