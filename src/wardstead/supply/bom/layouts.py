"""What the files of a store are, which have digests for names: its manifests say so.

Source: OCI image manifests (image-spec, manifest.md), whose form Ollama's have, too; names as ORAS and ModelPack write them.
"""

from __future__ import annotations

from typing import Final

import msgspec

MANIFEST_BYTES: Final = 1 << 20
_NAMED_BY: Final = ("org.opencontainers.image.title", "org.cncf.model.filepath")
_LICENCES: Final = frozenset({"application/vnd.ollama.image.license", "application/vnd.docker.ai.license"})
_SHA256: Final = "sha256:"


class _Layer(msgspec.Struct, rename="camel"):
    digest: str
    media_type: str = ""
    annotations: dict[str, str] | None = None


class _Manifest(msgspec.Struct):
    layers: list[_Layer]


def names(manifest: bytes) -> dict[str, str]:
    """What the files are called that a manifest lists, by their SHA-256 in hexadecimal; nothing where it is no manifest."""
    try:
        listed = msgspec.json.decode(manifest, type=_Manifest).layers
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return {one.digest.removeprefix(_SHA256): name for one in listed if one.digest.startswith(_SHA256) and (name := _name(one))}


def _name(layer: _Layer) -> str:
    said = layer.annotations or {}
    return next((said[key] for key in _NAMED_BY if said.get(key)), "LICENSE" if layer.media_type in _LICENCES else "")
