"""The documentation says what is so: links lead somewhere, commands exist, tables equal the code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from wardstead.config import json_schema
from wardstead.gateway.protocol.errors import STATUS
from wardstead.kernel import errors

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"(?:`|^\s*|\$ )(?:wardstead|w)(?: -C \S+)? ([a-z][a-z-]*(?: [a-z][a-z-]*)?)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_internal_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def commands() -> dict[str, set[str]]:
    from typer.main import get_command

    from wardstead.cli.main import app

    group = get_command(app)
    return {name: set(getattr(command, "commands", {})) for name, command in group.commands.items()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_documentation_exist(page: Path) -> None:
    known = commands()
    for words in COMMAND.findall(page.read_text()):
        first, _, second = words.partition(" ")
        assert first in known, f"{page.name}: wardstead {words}"
        if known[first] and second and "file" not in known[first]:  # which takes any word for a file's name
            assert second in known[first], f"{page.name}: wardstead {words}"


def test_every_room_stands_in_the_architecture() -> None:
    text = (ROOT / "docs/explanation/architecture.md").read_text()
    rooms = {path.name for path in (ROOT / "src/wardstead").iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert not {room for room in rooms if f"`{room}`" not in text}


def test_the_exit_codes_are_those_of_the_code() -> None:
    text = (ROOT / "docs/reference/exit-codes.md").read_text()
    documented = {int(code) for code in re.findall(r"^\| (\d) \|", text, re.MULTILINE)}
    used = {cls.exit_code for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.WardsteadError)}
    assert used <= documented


def test_every_error_code_with_a_status_of_its_own_is_documented() -> None:
    text = (ROOT / "docs/reference/errors.md").read_text()
    assert not {code for code in STATUS if f"`{code}`" not in text}


def test_the_configuration_s_schema_is_current() -> None:
    shipped = json.loads((ROOT / "docs/reference/wardstead.schema.json").read_text())
    assert shipped == json.loads(json.dumps(json_schema()))


def test_the_description_of_the_api_is_written_from_the_lists_of_fields() -> None:
    subprocess.run([sys.executable, str(ROOT / "docs/write_openapi.py"), "--check"], check=True)


def test_the_picture_of_the_states_is_drawn_from_the_table() -> None:
    subprocess.run([sys.executable, str(ROOT / "docs/draw_states.py"), "--check"], check=True)
