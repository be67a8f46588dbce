"""Model servers behind the packages that bring them: what no registry's advisories speak of by the package's own name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

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


_LLAMA_CPP: Final = re.compile(r"llama-(?:server|cli|run|bench|perplexity|quantize)|libllama\.so(?:\.0\.0\.(\d+))?")
"""The library's last number is the build, since builds are counted in it."""


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


def program(file: str) -> Package | None:
    """llama.cpp as its own programs and library, which say nothing of themselves but their names."""
    found = _LLAMA_CPP.fullmatch(file.rpartition("/")[2])
    return Package(SERVERS, "llama.cpp", f"b{found[1]}" if found[1] else "", file) if found is not None else None
