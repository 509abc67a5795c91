"""The program itself: help at once, every option documented."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cgtool.cli.app import cli

README = Path(__file__).resolve().parents[2] / "README.md"


def commands(group: click.Group, path: str = "cgtool") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def test_help_is_instant_and_light() -> None:
    code = "import sys; sys.argv = ['cgtool', '--help']\ntry:\n import cgtool.cli.app as a; a.main()\nfinally:\n"
    code += " assert not {'torch', 'numpy', 'cv2', 'av', 'openvino', 'rich'} & set(sys.modules), 'heavy'"
    code += "\n import time; print('CPU seconds', time.process_time(), file=sys.stderr)"
    seconds = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "convert" in done.stdout
        # Processor time: other work on the machine does not count.
        seconds.append(float(done.stderr.rsplit(maxsplit=1)[-1]))
    assert min(seconds) < 0.5


def test_version() -> None:
    done = subprocess.run([sys.executable, "-m", "cgtool", "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"cgtool \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize(("path", "command"), list(commands(cli)))
def test_every_command_and_option_is_in_the_readme(path: str, command: click.Command) -> None:
    text = README.read_text(encoding="utf-8")
    assert path in text
    for parameter in command.params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option.startswith("--"):
                assert f"{option}" in text, f"{path} {option} is not documented"


@pytest.mark.parametrize(("path", "command"), list(commands(cli)))
def test_every_command_and_option_has_help(path: str, command: click.Command) -> None:
    assert command.help, path
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts}"
