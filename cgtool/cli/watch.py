"""``cgtool watch``: options to a request, then what comes, told on the screen."""

from __future__ import annotations

from typing import Any

import click

from cgtool.cli.convert import convert
from cgtool.cli.setup.settings import settle as settle_flags
from cgtool.errors import UsageError

_NOT_HERE = (
    "inputs",
    "overwrite",
    "skip_existing",
    "dry_run",
    "part",
    "ray",
    "ray_send_files",
    "list_unfinished",
    "clean",
)


@click.command()
@click.argument("folder", metavar="FOLDER")
@click.option(
    "--settle",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="Seconds for which a file must not have changed.",
)
@click.option("--once", is_flag=True, help="End when everything that is there is done.")
@click.pass_context
def watch(
    ctx: click.Context,
    /,
    folder: str,
    as_json: bool,
    progress: str,
    quiet: bool,
    verbose: bool,
    **options: Any,  # noqa: ANN401  # the attributes of WatchRequest, checked there
) -> None:
    """Convert what appears in a folder, when it has stopped growing.

    What has a result in the folder given by -o is left alone, so this can be stopped and started again. Nothing is
    moved, and a file that fails does not stop the others. All other options are those of `cgtool convert`.

    \b
    cgtool watch incoming --to winter -o done
    cgtool watch incoming --to winter -o done --once --settle 0
    """
    from cgtool.cli.screen import Screen
    from cgtool.conversion.request import WatchRequest
    from cgtool.tasks.watch import watch as run

    quiet, verbose = settle_flags(ctx, {"quiet": quiet, "verbose": verbose}).values()
    if quiet and verbose:
        raise UsageError("--quiet and -v exclude each other")
    request = WatchRequest(folder, **options)
    words = {"as_json": as_json, "quiet": quiet, "verbose": verbose}
    with Screen(**words, results_to_stderr=False, progress=progress) as screen:
        for event in run(request):
            screen.show(event)
        screen.summarize()
    ctx.exit(1 if screen.failed else 0)


watch.params += [option for option in convert.params if option.name not in (*_NOT_HERE, "debug", "config", "profile")]
