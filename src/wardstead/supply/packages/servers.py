"""Model servers behind the packages that bring them: what no registry's advisories speak of by the package's own name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from wardstead.supply.packages import elf_symbols
from wardstead.supply.packages.package import SERVERS, Package

REGISTERED: Final[Mapping[str, str]] = {
    "axolotl": "axolotl", "bentoml": "bentoml", "chroma": "chromadb", "cognee": "cognee", "crawl4ai": "crawl4ai",
    "crewai": "crewai", "dask": "dask", "fastchat": "fschat", "feast": "feast", "gradio": "gradio", "guardrails-ai":
    "guardrails-ai", "instructlab": "instructlab", "jupyter-notebook": "notebook", "jupyter-server": "jupyter-server",
    "jupyterlab": "jupyterlab", "langchain": "langchain", "langflow": "langflow", "LiteLLM": "litellm", "llamafactory":
    "llamafactory", "lmdeploy": "lmdeploy", "lollms": "lollms", "marimo": "marimo", "mlflow": "mlflow", "ms-swift":
    "ms-swift", "open-webui": "open-webui", "ray": "ray", "sglang": "sglang", "vllm": "vllm", "Xinference":
    "xinference",
}  # fmt: skip
"""Servers that PyPI has under a name: rules for the one concern the other."""


_LLAMA_CPP: Final = re.compile(
    r"llama-(?:server|cli|run|bench|perplexity|quantize)|libllama-common\.so[.\d]*|libllama\.so(?:\.0\.0\.(\d+))?"
)
"""The library's last number is the build, since builds are counted in it."""
_BUILD: Final = b"LLAMA_BUILD_NUMBER"
"""Where its programs keep which build they are (llama.cpp, common/build-info.cpp.in)."""
_FIRST_BUILD: Final = 1000
"""It is the number of commits. What was built from the last few of them counts those, and says nothing."""


def servers(packages: Iterable[Package]) -> Iterator[Package]:
    """Ollama, by the module that its program was built from; llama.cpp, by the build that a package of its bindings is of."""
    for one in packages:
        if one.key == ("Go", "github.com/ollama/ollama"):
            yield Package(SERVERS, "ollama", one.version, one.file)
        elif one.key == ("PyPI", "xllamacpp"):
            # Its versions are YEAR.MONTH.BUILD, and BUILD is the one of llama.cpp that is inside.
            build = one.version.split(".")[2:3]
            yield Package(SERVERS, "llama.cpp", f"b{build[0]}" if build and build[0].isdecimal() else "", one.file)
        elif one.key == ("PyPI", "llama-cpp-python"):
            yield Package(SERVERS, "llama.cpp", "", one.file)


def is_program(file: str) -> bool:
    """Whether a file is called like one of llama.cpp's programs or libraries."""
    return _LLAMA_CPP.fullmatch(file.rpartition("/")[2]) is not None


def program(content: bytes, file: str) -> Package:
    """llama.cpp as such a file; of a build that is told neither by its name nor in it, nothing more."""
    found = _LLAMA_CPP.fullmatch(file.rpartition("/")[2])
    build = int(found[1]) if found is not None and found[1] else elf_symbols.number(content, _BUILD) or 0
    return Package(SERVERS, "llama.cpp", f"b{build}" if build >= _FIRST_BUILD else "", file)
