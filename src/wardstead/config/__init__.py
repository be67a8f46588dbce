"""The one configuration file, parsed once to frozen values. An unknown key is an error that names its line."""

from __future__ import annotations

from typing import Any

import msgspec

from wardstead.config.checks import check
from wardstead.config.settings import Settings
from wardstead.kernel.yaml_input import read_yaml


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``wardstead.yaml`` (shipped as docs/reference/wardstead.schema.json)."""
    return msgspec.json.schema(Settings)


def parse_settings(text: str, where: str) -> Settings:
    """The settings in ``text``. Raises ``ConfigurationError`` with file, line and key."""
    settings = read_yaml(text, where, Settings)
    check(settings, where)
    return settings
