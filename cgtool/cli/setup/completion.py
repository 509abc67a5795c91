"""``cgtool completion``: the script that makes a shell complete commands, options and their values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from cgtool.errors import UsageError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete cgtool's commands and options with the Tab key.

    \b
    bash: echo 'eval "$(cgtool completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(cgtool completion zsh)"' >> ~/.zshrc
    fish: cgtool completion fish > ~/.config/fish/completions/cgtool.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    try:
        click.echo(kind(ctx.find_root().command, {}, "cgtool", "_CGTOOL_COMPLETE").source())
    except RuntimeError as error:  # bash is too old
        raise UsageError(str(error)) from error
