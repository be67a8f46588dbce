"""fickling's check of pickles, also those in zip archives. Runs in its own environment."""

import io
import os
import zipfile

from each import answer
from fickling.analysis import Severity, check_safety
from fickling.fickle import StackedPickle


def pickles(path):
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.path.join(folder, name)
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    for one in archive.namelist():
                        if one.endswith((".pkl", ".pickle")):
                            yield archive.read(one)
            elif name.endswith((".pkl", ".pt", ".pth", ".ckpt", ".joblib", ".bin", ".dat", ".dill")):
                with open(file, "rb") as opened:
                    yield opened.read()


def verdict(path):
    for data in pickles(path):
        for one in StackedPickle.load(io.BytesIO(data)):
            if check_safety(one).severity > Severity.LIKELY_SAFE:
                return "block"
    return "clean"


answer(verdict)
