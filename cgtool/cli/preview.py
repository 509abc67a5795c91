"""``cgtool preview``: options to a request, then the page."""

from __future__ import annotations

import sys
import webbrowser
from typing import Any

import click

from cgtool.cli.convert import convert

_SHARED = {
    *("model", "engines_dir", "engine", "device", "precision", "batch", "recursive"),
    *("size", "smooth", "detail", "texture", "contrast", "preserve_color"),
    *("codec", "crf", "preset", "pixel_format"),
}


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--to", metavar="DOMAIN", multiple=True, help="Domain to move to; may be given several times.")
@click.option(
    "-o", "--output", metavar="PAGE.html", default="preview.html", show_default=True, help="The page; it is replaced."
)
@click.option("--open", "open_page", is_flag=True, help="Show it in the browser.")
@click.pass_context
def preview(
    ctx: click.Context,
    /,
    inputs: tuple[str, ...],
    to: tuple[str, ...],
    open_page: bool,
    **options: Any,  # noqa: ANN401  # the attributes of PreviewRequest, checked there
) -> None:
    """Show a few moments of clips and pictures, changed in several ways, in one page.

    The page needs nothing beside it and no network. It has the command for each way, and about how long the whole
    would take and how large it would be.

    \b
    cgtool preview summer.mp4 --to winter --open
    cgtool preview *.mp4 --to winter --to monet -o look.html
    """
    from rich.console import Console
    from rich.progress import Progress

    from cgtool.conversion.events import EngineOpened
    from cgtool.conversion.request import PreviewRequest
    from cgtool.tasks.preview import Looked, PageWritten
    from cgtool.tasks.preview import preview as run

    request = PreviewRequest(inputs, to=to[0] if to else None, domains=to[1:], **options)
    failed = False
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("looking", total=None)
        for event in run(request):
            if isinstance(event, EngineOpened):
                for words in (*event.opened.warnings, *event.opened.notes):
                    click.echo(f"note: {words}", err=True)
            elif isinstance(event, Looked):
                progress.update(bar, completed=event.number, total=event.total)
                if event.error is not None:
                    failed = True
                    click.echo(f"error: {event.error}", err=True)
            elif isinstance(event, PageWritten):
                click.echo(f"{event.path}: {event.size_bytes / 1e6:.1f} MB")
                if open_page:
                    webbrowser.open(event.path.resolve().as_uri())
    ctx.exit(1 if failed else 0)


preview.params += [option for option in convert.params if option.name in _SHARED]
