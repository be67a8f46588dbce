"""What every command promises: help, ``--json``, documented exit codes, no traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from tests.adapters.documents import made as documents
from tests.ports import free_port
from typer.main import get_command
from typer.testing import CliRunner

from wardstead import __version__
from wardstead.cli.main import app

REFERENCE = Path(__file__).parents[2] / "docs/reference/commands.md"


def every_command(group: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in (group or get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from every_command(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = dict(every_command())
ARGUMENTS = {
    ("classify", "file"): ["-"], ("classify", "import-values"): [__file__, "--type", "customer-id"],
    ("classify", "fingerprint"): ["contract", __file__], ("classify", "what-if"): [__file__],
    ("classify", "use"): ["health", "--yes"], ("classify", "forget"): ["contract", "--yes"],
    ("classify", "calibrate"): [__file__],
    ("user", "add"): ["eve"], ("user", "disable"): ["eve"], ("user", "enable"): ["eve"], ("user", "set-roles"): ["eve", "user"],
    ("user", "link"): ["eve", "--subject", "s", "--provider", "p"], ("user", "unlink"): ["eve"],
    ("access", "export"): ["1", "out"], ("access", "explain"): ["eve", "infer", "Model::m"],
    ("access", "who-can"): ["infer", "Model::m"],
    ("user", "show"): ["eve"], ("user", "set-attribute"): ["eve", "device", "managed"],
    ("user", "give-role"): ["eve", "user", "--until", "1h"], ("user", "take-role"): ["eve", "user"],
    ("group", "create"): ["g"], ("group", "remove"): ["g"], ("group", "add"): ["g", "eve"], ("group", "take"): ["g", "eve"],
    ("elevation", "request"): ["user", "--by", "eve", "--reason", "r"],
    ("elevation", "approve"): ["x", "--by", "eve"], ("elevation", "refuse"): ["x", "--by", "eve"],
    ("share", "give"): ["--exchange", "x", "--with", "eve", "--by", "ada"], ("share", "take-back"): ["x", "--by", "ada"],
    ("user", "set-clearance"): ["eve", "--level", "public"], ("user", "reset-password"): ["eve"],
    ("user", "reset-second-factor"): ["eve", "--reason", "r"],
    ("user", "break-glass", "seal"): ["eve", "--role", "admin", "--approved-by", "auditor"],
    ("user", "break-glass", "ask"): ["eve", "--by", "ada", "--reason", "r"],
    ("user", "break-glass", "open"): ["x", "--by", "ada"], ("user", "break-glass", "refuse"): ["x", "--by", "ada"],
    ("user", "break-glass", "close"): ["eve"], ("key", "create"): ["--user", "eve"],
    ("certificate", "issue"): ["eve", "--output", "out"], ("certificate", "trust"): ["eve", "--name", "DNS:a.example"],
    ("certificate", "revoke"): ["1", "--yes"], ("key", "show"): ["nobody"], ("key", "revoke"): ["nobody", "--yes"],
    ("access", "propose"): ["--by", "ada"], ("access", "withdraw"): ["x", "--by", "ada"],
    ("template", "create"): ["t", __file__, "--by", "eve"], ("template", "list"): ["--by", "eve"],
    ("template", "show"): ["x", "--by", "eve"], ("template", "delete"): ["x", "--by", "eve", "--yes"],
    ("model", "add"): ["m", __file__, "--by", "ada"], ("model", "show"): ["m"], ("model", "sign"): ["m", "--by", "ada"],
    ("model", "evidence"): ["m", "--bom", __file__, "--by", "ada"],
    **{("model", one): ["m", "--by", "ada", "--reason", "r"]
       for one in ("review", "approve", "refuse", "override", "agree", "suspend", "resume", "withdraw")},
    ("advisories", "import"): [__file__], ("advisories", "show"): ["CVE-2026-0001"],
    ("model", "encrypt"): ["m"], ("model", "decrypt"): ["m"],
    ("keys", "protect", "service"): ["our-kms"],
    ("keys", "protect", "shares"): ["--threshold", "2", "--holders", "3"],
    ("keys", "protect", "pkcs11"): ["--module", "m", "--token", "t"],
    ("keys", "protect", "transit"): ["--url", "https://bao.example", "--key", "k"],
    ("ledger", "receipt"): ["x"], ("ledger", "accept-rows"): ["--by", "ada", "--reason", "r"],
    ("ledger", "accept-clock"): ["--by", "ada", "--reason", "r"],
    ("ledger", "export"): ["--output", "out.json"], ("ledger", "prove-consistency"): ["1"],
    ("user", "erase"): ["eve", "--by", "ada", "--reason", "r", "--yes"],
    ("user", "mentions"): ["anna@example.org", "--by", "ada", "--reason", "r"],
    ("user", "erase-mentioned"): ["anna@example.org", "--by", "ada", "--reason", "r", "--yes"],
    ("user", "hold"): ["eve", "--by", "ada", "--reason", "r"], ("user", "release"): ["eve", "--by", "ada", "--reason", "r"],
    ("review", "show"): ["x"], ("review", "reveal"): ["x", "--by", "eve", "--yes"],
    ("review", "release"): ["x", "--by", "eve", "--reason", "r", "--yes"],
    ("review", "refuse"): ["x", "--by", "eve", "--reason", "r", "--yes"],
    ("collection", "create"): ["Plans", "--by", "eve"], ("collection", "list"): ["--by", "eve"],
    ("collection", "delete"): ["x", "--by", "eve", "--yes"],
    ("document", "add"): [__file__, "--by", "eve"], ("document", "list"): ["--by", "eve"],
    ("document", "show"): ["x", "--by", "eve"], ("document", "save"): ["x", "out.txt", "--by", "eve"],
    ("document", "move"): ["x", "--by", "eve"], ("document", "delete"): ["x", "--by", "eve", "--yes"],
    ("backup", "key"): ["--output", "backup.key"], ("backup", "create"): ["--output", "one.backup"], ("backup", "verify"): ["x"],
    ("backup", "drill"): ["x", "--key", "k", "--by", "ada"],
    ("chat",): ["hello", "--key", "k"], ("conversation", "show"): ["x"],
    ("conversation", "declassify"): ["x", "--level", "public", "--reason", "r", "--by", "eve", "--yes"],
}  # fmt: skip


def wardstead(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wardstead.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, stdin=subprocess.DEVNULL, timeout=240)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_json_help_and_a_line_in_the_reference(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    assert any("--json" in option.opts for option in command.params)
    assert all(getattr(option, "help", None) for option in command.params)
    shown = CliRunner().invoke(app, [*words, "--help"])
    assert shown.exit_code == 0
    assert (command.help or "").splitlines()[0] in " ".join(shown.output.split()) + (command.help or "")
    assert f"`wardstead {words[0]}" in REFERENCE.read_text()


NEEDS_NONE = {
    ("init",), ("config", "schema"), ("backup", "restore"), ("packages", "list"), ("packages", "bom"),
    ("model", "scan"), ("model", "bom"), ("model", "bom-score"), ("model", "bom-diff"), ("model", "upgrade-check"),
    ("model", "sign-files"),
}  # fmt: skip
NEEDS_A_DEPLOYMENT = [words for words in COMMANDS if words not in NEEDS_NONE]


@pytest.mark.parametrize("words", NEEDS_A_DEPLOYMENT, ids=" ".join)
def test_without_a_deployment_the_error_is_configuration_and_says_what_to_do(words: tuple[str, ...], tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["-C", str(tmp_path / "none"), *words, *ARGUMENTS.get(words, []), "--json"])
    assert shown.exit_code == 3, shown.output
    error = json.loads(shown.stdout)["error"]
    assert error["code"] == "configuration"
    assert "wardstead init" in error["next_step"]
    assert not (tmp_path / "none").exists()


def test_the_version_is_shown() -> None:
    shown = wardstead("--version")
    assert (shown.returncode, shown.stdout) == (0, f"wardstead {__version__}\n")


@pytest.mark.parametrize("arguments", [["nonsense"], ["key", "create"], ["up", "--port", "0"], ["up", "--isolation", "some"]])
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    shown = wardstead(*arguments)
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr
    assert shown.stdout == ""


def test_a_defect_is_never_taken_for_findings(tmp_path: Path) -> None:
    broken = "import wardstead.cli.config as c, wardstead.cli.main as m, sys\nc.json_schema = lambda: 1 / 0\n"
    broken += "sys.argv = ['wardstead', 'config', 'schema']\nm.run()"
    done = subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize(("closed", "said"), [("<&-", True), (">&-", False), ("<&- >&- 2>&-", False), ("2>&-", True)])
def test_a_closed_standard_stream_is_one_that_nobody_reads(closed: str, said: bool) -> None:
    command = f"{sys.executable} -m wardstead.cli config schema {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, bool(done.stdout), done.stderr) == (0, said, "")


def test_nothing_is_printed_into_a_file_that_is_opened_where_a_standard_stream_was_closed(tmp_path: Path) -> None:
    lines = [
        "import wardstead.cli.main as m, sys, os", "m.app = lambda: None", "m.run()",
        f"file = open({str(tmp_path / 'database')!r}, 'w')", "print('said', flush=True)", "sys.exit(file.fileno() < 3)",
    ]  # fmt: skip
    script = tmp_path / "script.py"
    script.write_text("\n".join(lines))
    done = subprocess.run(["sh", "-c", f"{sys.executable} {script} <&- >&- 2>&-"], capture_output=True, check=False)
    assert (done.returncode, (tmp_path / "database").read_text()) == (0, "")


def test_the_schema_of_the_configuration_is_json() -> None:
    assert json.loads(wardstead("config", "schema").stdout)["$ref"] == "#/$defs/Settings"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment that nobody runs."""
    folder = tmp_path_factory.mktemp("cli") / "deployment"
    done = wardstead("init", str(folder), "--yes", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said.keys() == {"directory", "url", "ca_file", "admin", "model"}
    assert said["admin"].keys() == {"user", "secret"}
    assert said["admin"]["secret"] not in done.stderr
    return folder


def said(made: Path, *arguments: str, code: int = 0) -> Any:
    """What a command says in this process: of a hundred processes, most of the time would go by until they have started."""
    done = CliRunner().invoke(app, ["-C", str(made), *arguments, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_a_second_init_in_the_same_folder_is_refused_and_changes_nothing(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in sorted(made.rglob("*")) if path.is_file()}
    done = wardstead("init", str(made), "--yes", "--json")
    assert done.returncode in {2, 3}
    assert json.loads(done.stdout)["error"]["what"]
    assert {path: path.stat().st_mtime_ns for path in sorted(made.rglob("*")) if path.is_file()} == before


def test_people_and_keys(made: Path) -> None:
    assert said(made, "user", "add", "bob", "--role", "auditor")["user"] == "bob"
    said(made, "user", "add", "bob", code=2)
    assert said(made, "user", "set-roles", "bob", "user", "auditor") == {"user": "bob", "roles": ["auditor", "user"]}
    said(made, "user", "set-roles", "bob", "emperor", code=2)
    assert said(made, "user", "set-clearance", "bob", "--level", "internal")["clearance"] == {
        "level": "internal",
        "compartments": [],
    }
    said(made, "user", "set-clearance", "bob", "--level", "cosmic", code=2)
    assert (
        "payment"
        in said(made, "user", "set-clearance", "bob", "--level", "internal", "--compartment", "payments", code=2)["error"]["why"]
    )
    assert said(made, "user", "disable", "admin", code=2)["error"]["code"] == "last_administrator"
    assert said(made, "user", "set-roles", "admin", "user", code=2)["error"]["code"] == "last_administrator"
    assert said(made, "key", "create", "--user", "bob", "--role", "admin", code=2)["error"]["where"] == "--role"
    key = said(made, "key", "create", "--user", "bob", "--expires", "1d")
    listed = said(made, "key", "list")["keys"]
    assert [one["id"] for one in listed if one["user"] == "bob"] == [key["id"]]
    assert key["key"] not in json.dumps(listed)
    assert said(made, "key", "revoke", key["id"], "--yes")["id"] == key["id"]
    said(made, "key", "revoke", key["id"], "--yes", code=2)
    assert said(made, "user", "disable", "bob") == {"user": "bob", "active": False}
    assert {one["user"]: one["active"] for one in said(made, "user", "list")["users"]}["bob"] is False


def test_status_of_a_deployment_that_does_not_run_is_4(made: Path) -> None:
    status = said(made, "status", code=4)
    assert status["running"] is False
    assert {model["healthy"] for model in status["models"]} == {False}
    shown = wardstead("-C", str(made), "status").stdout
    assert "not running" in shown
    assert "posture" not in shown
    assert "is isolated" not in shown
    assert said(made, "down") == {"stopped": False}
    assert said(made, "doctor", code=4)["error"]["code"]
    assert said(made, "chat", "hello", "--key", "ws_x", code=4)["error"]["next_step"]


def test_config_check_warns_of_what_nobody_may_do(made: Path) -> None:
    assert said(made, "config", "check")["warnings"] == []
    path = made / "policies/10-roles.cedar"
    text = path.read_text()
    try:
        path.write_text('permit (principal, action == Action::"infer", resource);')
        warnings = said(made, "config", "check")["warnings"]
        assert "no policy permits anybody to administer" in warnings
        assert not [one for one in warnings if "infer" in one]
    finally:
        path.write_text(text)
    policy = made / "policies/classification.yaml"
    text = policy.read_text()
    try:
        handling = "{label: {level: confidential}, prompt: allow, answer: allow, seen_by: [auditor, councel]}"
        policy.write_text(f"version: 2\nextends: general\nhandling: [{handling}]\n")
        (warning,) = said(made, "config", "check")["warnings"]
        assert "'councel'" in warning
    finally:
        policy.write_text(text)
    path.chmod(0o662)
    try:
        assert said(made, "config", "check")["warnings"] == [f"others than its owner may write {path}: run 'chmod go-w {path}'"]
    finally:
        path.chmod(0o600)


def test_config_check_names_file_line_and_key(made: Path) -> None:
    assert said(made, "config", "check")["ok"] is True
    path = made / "wardstead.yaml"
    text = path.read_text()
    try:
        for wrong, names in [
            (text + "surprise: 1\n", "surprise"),
            (text.replace("port: 8443", "port: many"), "server.port"),
            (text + "server: {}\n", "server"),  # a key that stands twice
            ("server: [\n", ":2"),
            ("\xff".encode("latin1").decode("latin1"), "wardstead.yaml"),
        ]:
            path.write_text(wrong, "latin1")
            error = said(made, "config", "check", code=3)["error"]
            assert "wardstead.yaml" in error["where"]
            assert names in f"{error['where']} {error['what']} {error.get('why', '')}"
    finally:
        path.write_text(text)


def test_the_ledger_of_a_deployment_that_does_not_run_is_verified_and_exported(made: Path, tmp_path: Path) -> None:
    report = said(made, "ledger", "verify")
    assert report["ok"] is True
    assert said(made, "ledger", "export", "--output", str(tmp_path / "out.json"))["entries"] == report["entries"]
    assert (tmp_path / "out.json").stat().st_size > 0
    said(made, "ledger", "export", "--output", str(tmp_path), code=4)
    assert said(made, "ledger", "receipt", "no-such-exchange", code=2)["error"]["code"] == "not_found"
    assert said(made, "ledger", "checkpoint", code=2)["error"]["code"] == "not_found"
    assert said(made, "ledger", "export", "--output", str(tmp_path / "out.json"), code=2)["error"]["next_step"]
    said(made, "ledger", "export", "--output", str(tmp_path / "out.json"), "--force")
    said(made, "ledger", "export", "--output", str(tmp_path / "none" / "out.json"), code=2)
    assert not (tmp_path / "none").exists()


def test_what_is_no_checkpoint_alters_nothing_and_one_that_contradicts_does(made: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    for junk in ("", "junk", "{}", '{"checkpoint": 5}', "[1]"):
        kept.write_text(junk)
        error = said(made, "ledger", "verify", "--checkpoint", str(kept), code=3)["error"]
        assert error["where"] == str(kept)
    note = f"another/log\n7\n{'A' * 43}=\n\n\u2014 another/log {'A' * 92}\n"
    for form in (note, note.rstrip(), json.dumps({"checkpoint": note})):
        kept.write_text(form)
        assert said(made, "ledger", "verify", "--checkpoint", str(kept), code=5)["ok"] is False


def test_an_error_in_json_is_said_once_and_progress_only_to_a_terminal(made: Path) -> None:
    assert wardstead("-C", str(made), "ledger", "receipt", "x", "--json").stderr == ""
    done = wardstead("-C", str(made), "ledger", "verify")
    assert (done.returncode, done.stderr) == (0, "")


DAMAGES = [
    ("keys/root.key", b"", 3), ("keys/ledger.key", b"garbage", 3), ("keys/ledger.key", None, 3), ("keys/credentials.key", b"", 3),
    ("keys/keys.db", None, 5), ("keys/keys.db", b"", 5), ("tls/ca.crt", None, 3), ("tls/server.crt", b"garbage", 3),
    ("policies/10-roles.cedar", b"permit(", 3), ("policies/schema.cedarschema", None, 3),
    ("policies/classification.yaml", b"version: 1\nversion: 2\n", 3), ("wardstead.yaml", b"\xff\xfe", 3),
    ("state/wardstead.db", None, 5), ("state/wardstead.db", b"", 5), ("state/wardstead.db", b"garbage" * 999, 5),
    ("state/checkpoint", b"garbage", 5), ("keys/ledger/checkpoint", b"garbage", 5), ("keys/ledger/checkpoint", None, 5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "code"), DAMAGES, ids=lambda value: str(value)[:30])
def test_nothing_starts_over_a_damaged_file(made: Path, tmp_path: Path, name: str, content: bytes | None, code: int) -> None:
    """And the error names the file."""
    copy = tmp_path / "copy"
    shutil.copytree(made, copy, ignore=shutil.ignore_patterns("*.gguf", "reserve"))
    path = copy / name
    if content is None:
        path.unlink()
    else:
        path.touch(0o600)
        path.write_bytes(content)
    done = wardstead("-C", str(copy), "up", "--port", str(free_port()), "--json")
    assert done.returncode == code, done.stderr
    error = json.loads(done.stdout)["error"]
    said_of = {"state/wardstead.db": "database"}.get(name, Path(name).name)
    assert said_of in f"{error.get('where', '')} {error['what']} {error.get('why', '')}"
    assert "Traceback" not in done.stderr


def test_an_edge_that_there_is_not_is_told_by_the_option_that_named_it(tmp_path: Path) -> None:
    done = wardstead("-C", str(tmp_path), "up", "--edge", "nginx")
    assert done.returncode == 2
    assert "--edge" in done.stderr
    assert "nginx" in done.stderr
    assert "caddy" in done.stderr
    assert "WARDSTEAD_EDGE" not in done.stderr


def test_completion_is_offered() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "wardstead.cli", "--show-completion", "bash"],
        capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},  # there may be no shell above this process
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert "complete" in shown.stdout


def test_a_deployment_for_others_is_certified_for_its_names_and_no_others(tmp_path: Path) -> None:
    names = ("--name", "llm.example.internal", "--name", "10.0.0.5", "--port", "9443")
    done = wardstead("init", str(tmp_path / "d"), *names, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["url"] == "https://llm.example.internal:9443"
    certificate = x509.load_pem_x509_certificate((tmp_path / "d" / "tls" / "server.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "llm.example.internal" in names.get_values_for_type(x509.DNSName)
    assert "10.0.0.5" in map(str, names.get_values_for_type(x509.IPAddress))
    server = said(tmp_path / "d", "config", "show")["server"]
    assert (server["host"], server["allowed_hosts"]) == ("0.0.0.0", ["llm.example.internal", "10.0.0.5"])
    assert server["port"] == 9443
    refused = wardstead("init", str(tmp_path / "other"), "--name", "no name", "--yes", "--json")
    assert refused.returncode == 2
    assert not (tmp_path / "other").exists()


TEXT = "Dear Zoë,\nyour card is 4111 1111 1111 1111\n"


def classified(made: Path, *arguments: str, given: bytes = TEXT.encode()) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "wardstead.cli", "-C", str(made), "classify", *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=240)


def test_a_text_is_classified_from_a_file_and_from_standard_input(made: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text(TEXT)
    for arguments in (("-",), (str(tmp_path / "letter.txt"),)):
        done = classified(made, *arguments, "--json")
        assert done.returncode == 0
        result = json.loads(done.stdout)
        assert result["label"] == {"level": "restricted", "compartments": ["payment"]}
        (found,) = [one for one in result["findings"] if one["category"] == "payment"]  # a name may be found, too
        assert TEXT[found["start"] : found["end"]] == "4111 1111 1111 1111"
        assert (found["type"], found["line"], found["column"]) == ("payment-card", 2, 14)
        assert (found["prompt"], found["answer"], found["label"]) == ("redact", "redact", result["label"])


def test_a_pipeline_can_stop_on_a_level(made: Path) -> None:
    assert classified(made, "-", "--fail-on", "restricted").returncode == 1
    assert classified(made, "-", "--fail-on", "internal", given=b"hello").returncode == 0
    assert classified(made, "-", "--fail-on", "secret").returncode == 2  # what was asked is wrong, no setting


def test_documents_are_classified_by_part_and_folders_file_by_file(made: Path, tmp_path: Path) -> None:
    (tmp_path / "book.xlsx").write_bytes(documents.xlsx(f'<row hidden="1"><c t="inlineStr"><is><t>{TEXT}</t></is></c></row>'))
    one = json.loads(classified(made, str(tmp_path / "book.xlsx"), "--json").stdout)
    (found,) = [one for one in one["findings"] if one["category"] == "payment"]
    assert (one["kind"], found["part"], found["hidden"]) == ("xlsx", 'sheet "Q3"', "hidden rows or columns")
    assert one["label"] == found["label"]
    (tmp_path / "plain.txt").write_text("hello")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = classified(made, str(tmp_path), "--json")
    every = json.loads(done.stdout)
    assert done.returncode == 2
    assert {Path(file["file"]).name: file.get("error", {}).get("code") for file in every["files"]} == {
        "book.xlsx": None, "picture.png": "unsupported_document", "plain.txt": None,
    }  # fmt: skip
    assert every["label"] == one["label"]
    assert classified(made, str(tmp_path), "--skip-unread").returncode == 0
    assert classified(made, str(tmp_path), "--skip-unread", "--fail-on", "restricted").returncode == 1
    (place, *_) = json.loads(classified(made, str(tmp_path / "book.xlsx"), "--sarif").stdout)["runs"][0]["results"][0][
        "locations"
    ]
    assert place["logicalLocations"][0]["fullyQualifiedName"] == 'book.xlsx > sheet "Q3"'
    assert "region" not in place["physicalLocation"]
    assert classified(made, str(tmp_path / "picture.png")).returncode == 2


def test_what_is_no_regular_file_is_not_waited_for(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    (folder / "zero").symlink_to("/dev/zero")
    assert b"links, pipes and devices" in classified(made, str(folder), "--json").stdout
    for name, kind in (("pipe", "a named pipe"), ("zero", "a character device")):
        done = classified(made, str(folder / name), "--json")
        assert done.returncode == 2
        error = json.loads(done.stdout)["error"]
        assert (error["code"], kind in error["what"], str(folder / name) in error["where"]) == ("cannot_read", True, True)
    with (folder / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    (folder / "plain.txt").write_text("hello")
    done = classified(made, str(folder), "--skip-unread", "--json")
    assert done.returncode == 0
    every = json.loads(done.stdout)
    assert {Path(one["file"]).name: one["kind"] for one in every["skipped"]} == {"pipe": "a named pipe", "zero": "a link"}
    assert {Path(one["file"]).name: one.get("error", {}).get("what") for one in every["files"]} == {
        "plain.txt": None, "sparse": "the file is too large",
    }  # fmt: skip
    told = classified(made, str(folder), "--skip-unread").stderr.decode()
    notes = json.loads(classified(made, str(folder), "--sarif").stdout)["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert {one["descriptor"]["id"] for one in notes} == {"skipped", "cannot_read"}
    assert "skipped" in told
    assert "a named pipe" in told


def test_sarif_names_rule_level_and_region(made: Path) -> None:
    run = json.loads(classified(made, "-", "--sarif").stdout)["runs"][0]
    assert "payment-card" in [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    (result,) = [one for one in run["results"] if one["ruleId"] == "payment-card"]
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"]["region"]["charOffset"] == TEXT.index("4111")
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "payment-card"


def test_a_file_that_cannot_be_read_is_an_error_of_its_own_and_the_rest_is_classified(made: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text(TEXT)
    unreadable = [str(tmp_path / "none.txt"), str(tmp_path / ("x" * 300)), str(tmp_path / "letter.txt" / "below")]
    files = (unreadable[0], str(tmp_path / "letter.txt"), *unreadable[1:])
    done = classified(made, *files, "--json")
    assert done.returncode == 2
    every = json.loads(done.stdout)
    assert every["label"] == {"level": "restricted", "compartments": ["payment"]}
    assert {one["file"]: one["error"]["code"] for one in every["files"] if "error" in one} == dict.fromkeys(
        unreadable, "cannot_read"
    )
    for alone in unreadable:
        done = classified(made, alone, "--json")
        assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (2, "cannot_read")
    run = json.loads(classified(made, unreadable[0], "--sarif").stdout)["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is False


def test_what_is_found_is_the_result_and_what_was_not_read_is_not(made: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text(TEXT)
    (tmp_path / "bad\udcff.txt").write_text("hello")
    alone = classified(made, str(tmp_path / "letter.txt"))
    assert f"{tmp_path / 'letter.txt'}: restricted; payment; ".encode() in alone.stdout
    done = classified(made, str(tmp_path), str(tmp_path / "none.txt"))
    assert f"{tmp_path / 'letter.txt'}: restricted; payment; ".encode() in done.stdout
    assert b"not read  " in done.stdout
    assert f"not read {tmp_path / 'none.txt'}: the file cannot be read".encode() in done.stderr


@pytest.mark.parametrize("given", [b"a\xc3(", b"\xff\xfe\x00", b"\x80"])
def test_what_is_no_text_is_named_with_its_place(made: Path, given: bytes) -> None:
    done = classified(made, "-", "--json", given=given)
    assert done.returncode == 2
    assert "byte" in json.loads(done.stdout)["error"]["where"]


def test_without_show_nothing_of_the_text_is_said(made: Path) -> None:
    done = classified(made, "-")
    assert b"4111" not in done.stdout + done.stderr
    assert b"4111 1111 1111 1111" in classified(made, "-", "--show").stdout
