"""Where things are in a deployment's folder."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from wardstead.bootstrap.places import Places, file_name

NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}", fullmatch=True).filter(lambda name: ".." not in name)
SIMILAR = st.text("ab:/_-.", min_size=1, max_size=4).map(lambda rest: "a" + rest)


def test_models_whose_names_are_alike_share_no_socket_folder() -> None:
    names = ("llama3:8b", "llama3_8b", "llama3/8b", "llama3-8b", "llama3.8b")
    assert len({Places(Path("/d")).sockets(name) for name in names}) == len(names)


@given(SIMILAR, SIMILAR)
def test_no_two_names_are_one_file_name(one: str, other: str) -> None:
    assert (file_name(one) == file_name(other)) is (one == other)


@given(NAME)
def test_a_model_s_folder_is_where_all_of_them_are(name: str) -> None:
    places = Places(Path("/d"))
    assert places.sockets(name).parent == places.run / "models"
    assert len(file_name(name)) <= 100
