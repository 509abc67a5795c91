"""``cgtool join``: outputs whose segments are all made, joined."""

from __future__ import annotations

from pathlib import Path

import click

from cgtool.errors import CgtoolError


@click.command()
@click.argument("outputs", metavar="OUTPUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@click.pass_context
def join(ctx: click.Context, /, outputs: tuple[Path, ...], overwrite: bool) -> None:
    """Join the segments of videos that several machines have made.

    As a rule whoever makes the last segment joins them. This is for when it was killed just then.

    \b
    cgtool join summer.winter.mp4
    """
    from cgtool.tasks.join import join as run

    failed = False
    for output in outputs:
        try:
            joined = run(output, overwrite=overwrite)
        except CgtoolError as error:
            click.echo(f"error: {error}", err=True)
            failed = True
            continue
        for warning in joined.warnings:
            click.echo(f"warning: {output}: {warning}", err=True)
        click.echo(f"{output}: {joined.frames} frames of {joined.segments} segments")
    ctx.exit(1 if failed else 0)
