"""Which licence a text is, or names."""

from __future__ import annotations

import re
from typing import Final

from wardstead.supply.ports import Seen, Source, Steps

HEAD_BYTES: Final = 1 << 14
_SPDX: Final = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9.+-]{2,60})")
_LICENCES: Final = (
    ("Apache-2.0", "apache license"),
    ("MIT", "mit license"),
    ("MIT", "permission is hereby granted, free of charge"),
    ("AGPL", "affero"),
    ("LGPL", "lesser general public"),
    ("GPL", "gnu general public license"),
    ("BSD", "redistribution and use in source and binary"),
    ("Llama", "llama 2 community"),
    ("Llama", "llama 3"),
    ("Gemma", "gemma terms"),
    ("OpenRAIL", "openrail"),
    ("CC-BY-NC", "noncommercial"),
    ("CC", "creative commons"),
    ("MPL-2.0", "mozilla public"),
)


def check(source: Source) -> Steps:
    """Which licence it is."""
    text = source.read(0, HEAD_BYTES).decode("utf-8", "replace")
    yield Seen("licence", licence_of(text) or "a licence that is not known here")


def licence_of(text: str) -> str:
    """Which licence a text is, or names at its head; empty for none that is known."""
    if (named := _SPDX.search(text)) is not None:
        return named[1]
    lower = text.lower()
    return next((name for name, words in _LICENCES if words in lower), "")
