"""``cgtool convert``: options to a request, then the batch, told on the screen."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import click

from cgtool.backends.table import DEVICES, ENGINES, PRECISIONS
from cgtool.config import SEGMENT_SECONDS, Every
from cgtool.conversion.look import LARGEST_SIZE, MOST_APART, SMALLEST_SIZE, NetworkSize
from cgtool.errors import Terminated, UsageError


class TimeType(click.ParamType):  # type: ignore[type-arg]  # generic only in recent versions of click
    """A time as ``[[HH:]MM:]SS[.fraction]``."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Read a time as seconds."""
        from cgtool.conversion.encoding import seconds

        try:
            return value if isinstance(value, Fraction) else seconds(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)


class SizeType(click.ParamType):  # type: ignore[type-arg]
    """``auto``, ``native`` or a number of pixels."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> NetworkSize:
        """Read a size."""
        if value in ("auto", "native"):
            return cast(NetworkSize, value)
        try:
            pixels = int(str(value))
        except ValueError:
            pixels = 0
        if not SMALLEST_SIZE <= pixels <= LARGEST_SIZE:
            bounds = f"from {SMALLEST_SIZE} to {LARGEST_SIZE} pixels"
            self.fail(f"{value!r} is no size; give auto, native or a short side {bounds}", param, ctx)
        return pixels


class EveryType(click.ParamType):  # type: ignore[type-arg]
    """``auto`` or a number of frames."""

    name = "every"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Every:
        """Read how often."""
        if value == "auto":
            return "auto"
        if not str(value).isdigit() or not 1 <= int(str(value)) <= MOST_APART:
            self.fail(f"{value!r} is neither auto nor a number from 1 to {MOST_APART}", param, ctx)
        return int(str(value))


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1)
@click.option("--to", metavar="DOMAIN", help="Domain to move to; picks model and direction. See `cgtool models list`.")
@click.option("-o", "--output", metavar="PATH", help="Output file; folder for several inputs; - for standard output.")
@click.option("--model", metavar="NAME|FOLDER|FILE", help="Use this model instead of the first that fits --to.")
@click.option("--engines-dir", type=click.Path(path_type=Path), help="Look for models here first.")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="What runs the network; auto takes the fastest usable, identity changes nothing.",
)
@click.option(
    "--device",
    metavar="|".join(("auto", "cuda:N", *DEVICES)),
    default="auto",
    show_default=True,
    help="Where it runs: auto is NVIDIA's GPU, else the CPU.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="auto",
    show_default=True,
    help="Its arithmetic.",
)
@click.option(
    "--size",
    type=SizeType(),
    metavar="auto|native|N",
    help="Short side in pixels at which the network sees the frame: auto is the scale it was trained at "
    "(at most 720), native the frame's own.  [default: the model's]",
)
@click.option(
    "--every",
    type=EveryType(),
    metavar="auto|N",
    help="The network sees every Nth frame; maps are carried along the motion between. For models that give maps.  "
    "[default: 1]",
)
@click.option("--smooth", type=click.FloatRange(0, 1), help="Temporal smoothing of videos.  [default: the model's]")
@click.option(
    "--detail",
    type=click.Choice(["guided", "resize"]),
    help="How the change reaches the frame's size: guided by the source's detail, or scaled.  [default: guided]",
)
@click.option(
    "--texture", type=click.FloatRange(0, 1), help="Share of the network's own texture.  [default: the model's]"
)
@click.option(
    "--contrast",
    type=click.FloatRange(0, 1),
    help="Share of the source's contrast that every place keeps at least.  [default: the model's]",
)
@click.option("--strength", type=click.FloatRange(0, 1), help="Share of the change.  [default: 1]")
@click.option("--preserve-color", is_flag=True, help="Keep the source's colours, change brightness alone.")
@click.option("--batch", type=click.IntRange(1, 256), help="Frames per call of the engine.  [default: the engine's]")
@click.option(
    "--codec",
    type=click.Choice(["h264", "hevc", "av1", "vp9", "prores", "ffv1", "gif"]),
    help="Video codec.  [default: h264, or hevc for more than 8 bits; webm vp9; gif gif]",
)
@click.option("--crf", type=click.IntRange(0, 63), help="Constant rate factor: lower is better and larger.")
@click.option("--preset", metavar="NAME", help="The encoder's preset: fast, medium, ... or a number.")
@click.option("--pixel-format", metavar="NAME", help="FFmpeg's pixel format.  [default: as deep as the source]")
@click.option("--hardware", is_flag=True, help="Use a hardware encoder if one opens on this machine.")
@click.option("--ffmpeg-args", metavar="ARGS", default="", help="Further ffmpeg output arguments, in one string.")
@click.option(
    "--hdr",
    type=click.Choice(["sdr", "keep"]),
    default="sdr",
    show_default=True,
    help="HDR becomes SDR, or stays HDR (HLG or PQ, 10 bits) with a model that gives maps.",
)
@click.option(
    "--deinterlace",
    type=click.Choice(["auto", "off", "on"]),
    default="auto",
    show_default=True,
    help="Interlaced frames become progressive: those that are flagged, none, or all.",
)
@click.option("--no-audio", is_flag=True, help="Leave the sound out.")
@click.option("--start", type=TimeType(), metavar="TIME", help="Begin here: seconds or HH:MM:SS.")
@click.option("--end", type=TimeType(), metavar="TIME", help="End before here.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@click.option("--skip-existing", is_flag=True, help="Leave existing outputs alone and call that done.")
@click.option(
    "--segment",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=SEGMENT_SECONDS,
    show_default=True,
    help="Make long videos in segments of about this length, which are kept if the rest is not; 0 for one piece.",
)
@click.option("--resume/--no-resume", default=True, show_default=True, help="Go on with what an earlier run has kept.")
@click.option("--part", metavar="I/N", help="Begin with the I-th N-th of the segments: others work on the rest.")
@click.option("--ray", metavar="HOST:PORT|local", help="A Ray cluster does the work, each segment where there is room.")
@click.option("--ray-send-files", is_flag=True, help="Its machines share no disk: files go through Ray.")
@click.option(
    "--list-unfinished",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Show what was stopped in this folder and below it, and stop.",
)
@click.option("--clean", is_flag=True, help="With --list-unfinished: remove what is shown.")
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Search folders below INPUT folders.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line on standard output.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "json"]),
    default="auto",
    show_default=True,
    help="On standard error: a bar on a terminal, or one JSON object per event and per second.",
)
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Say more, such as why an engine was not taken.")
@click.option("--dry-run", is_flag=True, help="Show the resolved configuration and what would be made, and stop.")
@click.pass_context
def convert(
    ctx: click.Context,
    /,
    inputs: tuple[str, ...],
    as_json: bool,
    progress: str,
    quiet: bool,
    verbose: bool,
    dry_run: bool,
    list_unfinished: Path | None,
    clean: bool,
    **options: Any,  # noqa: ANN401  # the attributes of ConvertRequest, checked there
) -> None:
    """Move videos and images to another domain.

    INPUT is a file, a pattern, a folder, or - for an image on standard input. summer.mp4 becomes summer.winter.mp4,
    a folder footage becomes footage.winter. Sound, subtitles, chapters, timestamps and metadata are kept.

    \b
    cgtool convert summer.mp4 --to winter
    cgtool convert footage --to winter -o out --skip-existing
    cgtool convert clip.mp4 --model latest_net_G_A.pth
    cat photo.jpg | cgtool convert - --to winter -o - > winter.png
    """
    from cgtool.cli.screen import Screen
    from cgtool.cli.setup.settings import origins, settle
    from cgtool.conversion.request import ConvertRequest
    from cgtool.tasks.convert import convert as run
    from cgtool.tasks.convert import lay_out

    if clean and list_unfinished is None:
        raise UsageError("--clean removes what --list-unfinished DIR shows: give both")
    if list_unfinished is not None:
        _list_unfinished(list_unfinished, clean=clean, as_json=as_json)
        return
    if not inputs:
        raise click.MissingParameter(ctx=ctx, param=ctx.command.params[0])
    options.update(settle(ctx, {name: options[name] for name in ("overwrite", "skip_existing")}))
    if as_json and options["output"] == "-":
        raise UsageError("--json and -o - both write to standard output")
    if options["output"] == "-" and sys.__stdout__ is None:
        raise UsageError("standard output is closed, so -o - has nowhere to write to", hint="Give a file with -o")
    quiet, verbose = settle(ctx, {"quiet": quiet, "verbose": verbose}).values()
    if quiet and verbose:
        raise UsageError("--quiet and -v exclude each other")
    batch = lay_out(ConvertRequest(inputs, **options))
    if dry_run:
        click.echo(json.dumps({**batch.describe(), "from": origins(ctx)}, indent=None if as_json else 2, default=str))
        return
    to_stdout = any(job.target is None and job.target_name is not None for job in batch.jobs)
    words = {"as_json": as_json, "quiet": quiet, "verbose": verbose}
    with Screen(**words, results_to_stderr=to_stdout, progress=progress) as screen:
        try:
            for event in run(batch):
                screen.show(event)
        except (KeyboardInterrupt, Terminated):
            screen.tell_how_to_go_on()
            raise
        screen.summarize()
    ctx.exit(1 if screen.failed else 0)


def _list_unfinished(root: Path, *, clean: bool, as_json: bool) -> None:
    """Show, and perhaps remove, the work folders of conversions that were stopped."""
    from dataclasses import asdict

    from cgtool.conversion.pieces.unfinished import WorkFolder, unfinished

    found = unfinished(root)
    for one in found:
        removed = clean and one.worker is None
        if removed:
            WorkFolder(one.output).remove()
        if as_json:
            click.echo(json.dumps({**asdict(one), "removed": removed}, default=str))
            continue
        state = f"{one.worker} works on it" if one.worker else "removed" if removed else f"of {one.source}"
        megabytes, hours = one.nbytes / 1e6, one.age_seconds / 3600
        size = f"{one.done} of {one.segments} segments, {megabytes:.1f} MB, {hours:.1f} hours old"
        click.echo(f"{one.folder}: {size}, {state}")
    if not found and not as_json:
        click.echo(f"{root}: nothing is unfinished")
