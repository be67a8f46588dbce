"""Small texts around a model whose findings are no reason to refuse it, but one to look."""

from __future__ import annotations

import pytest

from wardstead.supply.scan import look
from wardstead.supply.sources import Memory


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://x.example/simple",
        "-f https://x.example/wheels",
        "git+https://x.example/a.git",
        "a @ https://x.example/a.zip",
    ],
)
def test_packages_from_elsewhere_are_told(line: str) -> None:
    _, findings = look(Memory(f"torch==2.9\n{line}\n".encode(), "requirements.txt"))
    assert [one.rule for one in findings] == ["config-url"]
    assert line[:40] in findings[0].what


def test_packages_of_the_usual_registry_are_not() -> None:
    assert look(Memory(b"# see https://x.example\ntorch>=2.9\ntransformers[torch]==4.57\n", "requirements.txt"))[1] == ()


def test_of_a_cloned_repository_hooks_are_told_and_gits_examples_of_hooks_are_not() -> None:
    script = b"#!/bin/sh\nexit 0\n"
    assert look(Memory(script, ".git/hooks/pre-push.sample"))[1] == ()
    assert [one.rule for one in look(Memory(script, "hooks/pre-push.sample"))[1]] == ["script"]
    assert [one.rule for one in look(Memory(script, ".git/hooks/pre-push"))[1]] == ["config-code"], "Git runs it by itself"


_LFS = (
    "This repository is configured for Git LFS but 'git-lfs' was not found on your path. If you no longer wish to use Git LFS, "
)
_OLDER = "remove this hook by deleting '.git/hooks/post-merge'."
_NEWER = "remove this hook by deleting the 'x' file in the hooks directory (set by 'core.hookspath'; usually '.git/hooks')."


@pytest.mark.parametrize("missing", [f'echo >&2 "\\n{_LFS}{_OLDER}\\n"', f'printf >&2 "\\n%s\\n\\n" "{_LFS}{_NEWER}"'])
def test_hooks_of_large_files_are_not(missing: str) -> None:
    hook = f'#!/bin/sh\ncommand -v git-lfs >/dev/null 2>&1 || {{ {missing}; exit 2; }}\ngit lfs pre-push "$@"\n'
    assert look(Memory(hook.encode(), ".git/hooks/pre-push"))[1] == ()
    for more in ("id\n", "git lfs pre-push; id\n"):
        assert [one.rule for one in look(Memory((hook + more).encode(), ".git/hooks/pre-push"))[1]] == ["config-code"]
    assert look(Memory(hook.replace("path.", "$(id).").encode(), ".git/hooks/pre-push"))[1] != ()


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("speechbrain.utils.metric_stats.ErrorRateStats", False),
        ("speechbrain.utils.train_logger.FileTrainLogger", False),
        ("speechbrain.utils.metric_stats.torch.load", True),
        ("speechbrain.utils.checkpoints.torch_recovery", True),
        ("speechbrain.utils.epoch_loop.EpochCounterX", True),
    ],
)
def test_of_a_package_s_tools_those_that_recipes_name_may_be_made_and_no_others(name: str, refused: bool) -> None:
    _, findings = look(Memory(f"a: !new:{name}\n  limit: 3\n".encode(), "hyperparams.yaml"))
    assert [one.rule for one in findings] == (["config-code"] if refused else [])
