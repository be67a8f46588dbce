"""Versions compare as their ecosystems say; vectors with where they come from."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.supply.packages.package import SERVERS
from wardstead.supply.packages.versions import Unordered, ordered, semantic

ASCENDING = {
    # https://semver.org/#spec-item-11
    "npm": [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.0.0.1",
    ],
    # PEP 440, "Summary of permitted suffixes and relative ordering"
    "PyPI": [
        "1.0.dev456",
        "1.0a1",
        "1.0a2.dev456",
        "1.0b1.dev456",
        "1.0rc1",
        "1.0",
        "1.0+abc.5",
        "1.0.post456",
        "1.1.dev1",
        "1!0.1",
    ],
    # deb-version(7)
    "Debian:12": ["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0-1", "1.0a", "1.0+dfsg1-1", "1.1", "1:0.1"],
    # apk-tools' own test data, test/version.data, as far as the wiki's Package policies repeat it
    "Alpine:v3.20": [
        "1.0_alpha1-r0",
        "1.0_beta-r0",
        "1.0_pre1-r0",
        "1.0_rc1-r0",
        "1.0-r0",
        "1.0-r1",
        "1.0_git20240101-r0",
        "1.0_p1-r0",
        "1.0a-r0",
        "1.1-r0",
    ],
    # rpm's rpmvercmp tests: a tilde is before, a caret behind
    "Rocky Linux:9": ["0:1.0~rc1-1", "0:1.0-1", "0:1.0-2", "0:1.0^git1-1", "0:1.0.1-1", "0:1.10-1", "1:0.1-1"],
    "Packagist": ["1.0.0-dev", "1.0.0-alpha1", "1.0.0-beta2", "1.0.0-RC1", "1.0.0", "1.0.0-p1", "1.0.1"],
    "Maven": ["1.0-alpha-1", "1.0-beta-1", "1.0-rc1", "1.0-SNAPSHOT", "1.0", "1.0-sp1", "1.0.1"],
    "Go": ["0.0.0-20210101000000-abcdefabcdef", "0.0.0-20220101000000-abcdefabcdef", "0.1.0", "1.2.3+incompatible", "1.2.4"],
    "RubyGems": ["1.0.a", "1.0.b", "1.0", "1.0.1"],
    "NuGet": ["1.0.0-alpha", "1.0.0-Beta", "1.0.0", "1.0.0.1"],
    SERVERS: ["0.1.33", "0.1.34-rc1", "0.1.34", "0.12.0"],
}


@pytest.mark.parametrize("ecosystem", ASCENDING)
def test_versions_ascend_as_their_ecosystem_says(ecosystem: str) -> None:
    keys = [ordered(ecosystem, one) for one in ASCENDING[ecosystem]]
    for before, after in pairwise(keys):
        assert before < after
        assert not after < before
    assert max(keys[::-1]) == keys[-1]


def test_builds_of_llama_cpp_compare_as_numbers_and_not_with_dotted_versions() -> None:
    assert ordered(SERVERS, "b999") < ordered(SERVERS, "b4711")
    with pytest.raises(Unordered):
        _ = ordered(SERVERS, "b999") < ordered(SERVERS, "0.1.0")


@pytest.mark.parametrize(
    ("ecosystem", "version"),
    [
        ("PyPI", "latest"),
        ("npm", "*"),
        ("Debian", "a b"),
        ("Alpine", "1.0_next1"),
        ("Plan 9", "1.0"),
        ("npm", "1." * 500),
        ("PyPI", ""),
    ],
)
def test_what_is_no_version_is_said_to_be_none(ecosystem: str, version: str) -> None:
    with pytest.raises(Unordered):
        ordered(ecosystem, version)


def test_equal_versions_are_equal_however_they_are_written() -> None:
    assert ordered("PyPI", "1.0") == ordered("PyPI", "1.0.0")
    assert semantic("v1.2.0+build") == semantic("1.2.0")


@given(st.lists(st.text("019az~+.-:", min_size=1, max_size=12), min_size=2, max_size=2))
def test_debian_versions_compare_as_dpkg_has_it(pair: list[str]) -> None:
    dpkg = shutil.which("dpkg")
    if dpkg is None:
        pytest.skip("no dpkg here")
    one, other = pair
    checked = subprocess.run([dpkg, "--compare-versions", one, "lt", other], capture_output=True, check=False)
    if checked.stderr or checked.returncode not in (0, 1):
        return  # dpkg itself warns that one of them is no version
    with suppress(Unordered):  # refusing is safe: it becomes a finding
        assert (ordered("Debian", one) < ordered("Debian", other)) == (checked.returncode == 0)


@given(st.text(max_size=30), st.sampled_from(sorted(ASCENDING)))
def test_any_text_is_a_version_or_refused(text: str, ecosystem: str) -> None:
    try:
        key = ordered(ecosystem, text)
    except Unordered:
        return
    assert key == key
    assert not key < key
