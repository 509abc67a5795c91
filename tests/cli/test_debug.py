"""The log that every command can show, and what is said without it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAIL = "import sys, cgtool.cli.app as app, cgtool.cli.models as models\n"
FAIL += "def fail(**_): raise ZeroDivisionError('as planned')\n"
FAIL += "models.models.commands['list'].callback = fail\n"
FAIL += "sys.argv = ['cgtool', *sys.argv[1:]]\napp.main()"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", FAIL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def test_an_unexpected_error_names_the_way_to_see_it() -> None:
    done = run("models", "list", CGTOOL_DEBUG="0")
    assert done.returncode == 1
    assert done.stderr == (
        "error: failed unexpectedly (ZeroDivisionError: as planned). "
        "Run it again with --debug (or CGTOOL_DEBUG=1) to see where\n"
    )


@pytest.mark.parametrize(
    ("arguments", "variable"),
    [(["models", "list", "--debug"], ""), (["--debug", "models", "list"], ""), (["models", "list"], "1")],
)
def test_and_there_it_is(arguments: list[str], variable: str) -> None:
    done = run(*arguments, CGTOOL_DEBUG=variable)
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert "in fail" in done.stderr
    assert done.stderr.endswith("error: failed unexpectedly (ZeroDivisionError: as planned)\n")
