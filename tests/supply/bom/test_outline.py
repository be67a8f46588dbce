"""A bill as people read it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.supply.bom.kept import digests, packages
from wardstead.supply.bom.outline import Outline, outline

KEYS = [
    "metadata",
    "component",
    "components",
    "type",
    "name",
    "pedigree",
    "ancestors",
    "modelCard",
    "properties",
    "vulnerabilities",
]
WORDS = st.sampled_from(["machine-learning-model", "file", "data", "x"])


@given(
    st.dictionaries(
        st.sampled_from(KEYS),
        st.recursive(
            st.none() | st.integers() | WORDS,
            lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(KEYS), one),
            max_leaves=9,
        ),
    )
)
def test_no_shape_of_bill_breaks_it(document: dict[str, object]) -> None:
    found = outline({"bomFormat": "CycloneDX", **document})
    assert found is None or isinstance(found, Outline)


def test_what_is_no_bill_of_cyclonedx_is_not_drawn() -> None:
    assert outline({}) is None
    assert outline({"@context": "spdx"}) is None


def test_long_branches_are_cut_and_counted() -> None:
    files = [{"type": "file", "name": f"f{number}"} for number in range(900)]
    found = outline({"bomFormat": "CycloneDX", "components": files})
    assert found is not None
    (branch,) = [one for one in found.branches if one.title == "Files"]
    assert (branch.count, len(branch.lines)) == (900, 500)
    assert found.after == (("900", "Files"),)


@pytest.mark.parametrize("document", [[], "x", 3, None, {"bomFormat": "CycloneDX", "components": [3]}])
def test_what_is_not_built_like_a_bill_has_no_outline(document: Any) -> None:
    assert outline(document) is None


def test_a_line_has_an_end() -> None:
    found = outline(
        {"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "a" * 99_999, "version": "1" * 99_999}]}
    )
    assert found is not None
    assert max(len(part) for branch in found.branches for line in branch.lines for part in line) == 2000


def test_packages_are_found_however_deep_and_a_digest_in_a_text_counts_for_nothing() -> None:
    inner = {"type": "library", "purl": "pkg:pypi/vllm@0.6.0", "hashes": [{"alg": "SHA-256", "content": "B" * 64}]}
    document = {"bomFormat": "CycloneDX", "components": [{"type": "library", "components": [inner]}], "x": "a" * 64}
    assert [one.name for one in packages(document)] == ["vllm"]
    assert digests(document) == {"b" * 64}
