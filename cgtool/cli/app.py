"""The ``cgtool`` program: commands loaded when they are called, errors turned into exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import NoReturn, cast

import click

from cgtool import __version__
from cgtool.cli import debug, signals
from cgtool.cli.setup import settings
from cgtool.errors import CgtoolError, Terminated, unexpected

# Command -> where it is. Nothing of a command is imported before it is called: --help must be instant.
_COMMANDS = {
    "completion": "cgtool.cli.setup.completion:completion",
    "convert": "cgtool.cli.convert:convert",
    "export": "cgtool.cli.export:export",
    "join": "cgtool.cli.join:join",
    "measure": "cgtool.cli.measure:measure",
    "models": "cgtool.cli.models:models",
    "preview": "cgtool.cli.preview:preview",
    "train": "cgtool.cli.train:train",
    "watch": "cgtool.cli.watch:watch",
}
_SUMMARIES = {
    "completion": "Print what makes bash, zsh or fish complete commands and options.",
    "convert": "Move videos and images to another domain.",
    "export": "Compile models to engines, each proven against PyTorch.",
    "join": "Join the segments of videos that several machines have made.",
    "measure": "Measure a converted clip: warp error, flicker, sharpness.",
    "models": "List models, and import the reference CycleGAN's checkpoints.",
    "preview": "Show moments of clips, changed in several ways, in a page.",
    "train": "Train a model on two folders of images, without pairs.",
    "watch": "Convert what appears in a folder.",
}


class LazyGroup(click.Group):
    """A command group that imports a command only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name].split(":")
        return _prepared(cast(click.Command, getattr(importlib.import_module(module), name)), cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in the help without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _SUMMARIES[name]) for name in _COMMANDS])


def _prepared(command: click.Command, path: str) -> click.Command:
    """Give a command, and those below it, the options that all have, and its other options their variables."""
    if any(parameter.name == "debug" for parameter in command.params):
        return command  # prepared already
    command.params.append(debug.option())
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            _prepared(below, f"{path} {name}")
    elif any(isinstance(parameter, click.Option) and parameter.name != "debug" for parameter in command.params):
        settings.name_variables(command, path)
        command.params.extend(settings.options())
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cgtool", message="%(prog)s %(version)s")
def cli() -> None:
    """Move footage from one domain to another with CycleGAN.

    Exit codes: 0 all done, 1 something failed (the rest is done), 2 wrong usage, 130 Ctrl-C, 143 SIGTERM.
    """


_prepared(cli, "")


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main() -> NoReturn:
    """Run the program and exit."""
    _fill_closed_streams()
    signals.raise_as_exceptions()
    debug.prepare()
    try:
        result = cli.main(standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except (click.exceptions.Abort, KeyboardInterrupt):
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except CgtoolError as error:
        debug.logger.debug("the error came from here", exc_info=True)
        click.echo(f"error: {error}", err=True)
        code = error.exit_code
    except Terminated as error:
        click.echo(str(error), err=True)
        code = 143
    except BrokenPipeError:
        # Whoever read our output has gone, as in `cgtool ... | head`.
        _give_up_output()
        code = 1
    except OSError as error:
        debug.logger.debug("the error came from here", exc_info=True)
        if error.errno in _NO_ROOM and error.filename is None:  # files are named: this is what we print to
            _give_up_output()
            told = f"standard output can't be written: {(error.strerror or str(error)).lower()}"
        else:
            told = unexpected(error)
        click.echo(f"error: {told}", err=True)
        code = 1
    except Exception as error:
        debug.logger.debug("the error came from here", exc_info=True)
        click.echo(f"error: {unexpected(error)}", err=True)
        code = 1
    if code in (130, 143):
        # A stopped pipeline may have a thread deep in foreign code; interpreter shutdown would wait for it.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _fill_closed_streams() -> None:
    """Open what a caller closed (``>&-``) on nothing: else a file of ours would get its number, and our words."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - open to the end


def _give_up_output() -> None:
    """Let what is still to be written to standard output go nowhere: it would fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
