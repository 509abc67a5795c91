"""Completion in the shell, as the shell asks for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from cgtool.cli.app import cli


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell: str) -> None:
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert f"_CGTOOL_COMPLETE={shell}_complete" in done.stdout


def test_other_shells_are_refused() -> None:
    done = CliRunner().invoke(cli, ["completion", "tcsh"])
    assert done.exit_code == 2
    assert "tcsh" in done.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [("cgtool con", "convert"), ("cgtool convert --stre", "--strength"), ("cgtool convert --codec pro", "prores")],
)
def test_what_the_shell_is_answered(words: str, expected: str) -> None:
    *_, last = words.split()
    asked = {"_CGTOOL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = "import sys; sys.argv = ['cgtool']; from cgtool.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"plain,{expected}" in done.stdout.splitlines(), last
