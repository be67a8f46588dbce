"""A bill as people read it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

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
