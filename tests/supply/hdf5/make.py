"""Writes the files beside this one, with the library itself: ``pip install h5py tables pandas``, then run it. No test does.

Made with h5py 3.16 (HDF5 2.0), PyTables 3.11 and pandas 3.0. Those whose names begin with ``good-`` harm nobody.
"""

from __future__ import annotations

import io
import json
import lzma
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

_HERE = Path(__file__).parent
_HARMFUL = np.bytes_(b"cos\nsystem\n(S'echo'\ntR.")


def keras(file: h5py.File, *, harmful: bool) -> None:
    """A thousand layers: their configuration is an attribute of 100 KB, and the groups of their weights too many for messages."""
    layers = [{"module": "keras.layers", "class_name": "Dense", "config": {"name": f"dense_{one}"}} for one in range(1000)]
    if harmful:
        layers[700] = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": ["4wEAAAA=", None, None]}}  # type: ignore[dict-item]
    file.attrs["model_config"] = np.bytes_(json.dumps({"class_name": "Sequential", "config": {"layers": layers}}).encode())
    for one in range(20):
        file.attrs[f"note_{one}"] = "of the training"
    weights = file.create_group("model_weights")
    weights.attrs["layer_names"] = np.array([f"dense_{one}".encode() for one in range(1000)])
    for one in range(1000):
        weights.create_group(f"dense_{one}").attrs["weight_names"] = np.array([b"kernel:0", b"bias:0"])


def attributes(file: h5py.File, *, harmful: bool) -> None:
    """So many attributes that their heap has blocks of blocks."""
    for one in range(500):
        file.attrs[f"history_{one}"] = np.zeros(300)
    layer = {"class_name": "Lambda" if harmful else "Dense", "config": {}}
    file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}})


def links(file: h5py.File, *, harmful: bool) -> None:
    """So many links that theirs has."""
    group, weights = file.create_group("model_weights"), file.create_dataset("w", data=np.zeros(3))
    for one in range(8000):
        group["a_layer_that_bears_a_rather_long_name_as_many_of_them_do/"[:-1] + f"_{one:06d}"] = weights
    if harmful:
        group["zz"] = h5py.ExternalLink("/etc/passwd", "/x")


def pickled(file: h5py.File, *, harmful: bool) -> None:
    """PyTables unpickles an attribute that looks like a pickle."""
    for one in range(30):
        file.attrs[f"field_{one}"] = np.bytes_(b"N.")
    file.attrs["TITLE"] = _HARMFUL if harmful else np.bytes_(b"(lp0\nI1\na.")


def _xz(name: str, data: bytes) -> None:
    (_HERE / f"{name}.h5.xz").write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def _with_library(name: str, write: Callable[..., None]) -> None:
    for word, harmful in (("good", False), ("bad", True)):
        made = io.BytesIO()
        with h5py.File(made, "w", libver="latest", track_order=name == "keras") as file:
            write(file, harmful=harmful)
        _xz(f"{word}-{name}", made.getvalue())


def _with_tables(name: str, frame: pd.DataFrame, form: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        frame.to_hdf(Path(folder) / "x.h5", key="t", format=form)  # type: ignore[call-overload]
        _xz(name, (Path(folder) / "x.h5").read_bytes())


if __name__ == "__main__":
    for writer in (keras, attributes, links, pickled):
        _with_library(writer.__name__, writer)
    _with_tables("good-table", pd.DataFrame({"a": range(5), "b": list("abcde")}), "table")
    _with_tables("bad-objects", pd.DataFrame({"a": [{"x": 1}, 2]}), "fixed")
