"""``cgtool convert``: options to a plan and a configuration, then the batch, told on the screen."""

from __future__ import annotations

import dataclasses
import json
import shlex
from fractions import Fraction
from pathlib import Path
from typing import Literal

import click

from cgtool.backends.table import ENGINES, PRECISIONS
from cgtool.config import EnginePrecision
from cgtool.errors import UsageError


class TimeType(click.ParamType):  # type: ignore[type-arg]  # generic only in recent versions of click
    """A time as ``[[HH:]MM:]SS[.fraction]``."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Fraction:
        """Read a time as seconds."""
        if isinstance(value, Fraction):
            return value
        try:
            parts = [Fraction(part) for part in str(value).split(":")]
            if len(parts) > 3 or min(parts) < 0:
                raise ValueError
        except (ValueError, ZeroDivisionError):
            self.fail(f"{value!r} is no time; write seconds (12.5) or HH:MM:SS", param, ctx)
        seconds = Fraction(0)
        for part in parts:
            seconds = seconds * 60 + part
        return seconds


class SizeType(click.ParamType):  # type: ignore[type-arg]
    """``auto``, ``native`` or a number of pixels."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | Literal["auto", "native"]:
        """Read a size."""
        if value in ("auto", "native"):
            return value
        try:
            pixels = int(str(value))
        except ValueError:
            pixels = 0
        if not 16 <= pixels <= 8192:
            self.fail(f"{value!r} is no size; give auto, native or a short side from 16 to 8192 pixels", param, ctx)
        return pixels


@click.command()
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--to", metavar="DOMAIN", help="Domain to move to; picks model and direction. See `cgtool models list`.")
@click.option("-o", "--output", metavar="PATH", help="Output file; folder for several inputs; - for standard output.")
@click.option("--model", metavar="NAME|FOLDER|FILE.pth", help="Use this model instead of the first that fits --to.")
@click.option("--engines-dir", type=click.Path(path_type=Path), help="Look for models here first.")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="What runs the network; auto takes the fastest usable, identity changes nothing.",
)
@click.option("--device", metavar="auto|cpu|cuda|cuda:N", default="auto", show_default=True, help="Where it runs.")
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
@click.option("--smooth", type=click.FloatRange(0, 1), help="Temporal smoothing of videos.  [default: the model's]")
@click.option(
    "--detail",
    type=click.Choice(["guided", "resize"]),
    default="guided",
    show_default=True,
    help="How the change reaches the frame's size: guided by the source's detail, or scaled.",
)
@click.option(
    "--texture", type=click.FloatRange(0, 1), help="Share of the network's own texture.  [default: the model's]"
)
@click.option(
    "--contrast",
    type=click.FloatRange(0, 1),
    help="Share of the source's contrast that every place keeps at least.  [default: the model's]",
)
@click.option("--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="Share of the change.")
@click.option("--preserve-color", is_flag=True, help="Keep the source's colours, change brightness alone.")
@click.option("--batch", type=click.IntRange(1, 256), help="Frames a call of the engine.  [default: the engine's]")
@click.option(
    "--codec",
    type=click.Choice(["h264", "hevc", "av1", "vp9", "prores", "ffv1", "gif"]),
    help="Video codec.  [default: webm vp9, gif gif, else h264]",
)
@click.option("--crf", type=click.IntRange(0, 63), help="Constant rate factor: lower is better and larger.")
@click.option("--preset", metavar="NAME", help="The encoder's preset: fast, medium, ... or a number.")
@click.option("--pixel-format", metavar="NAME", help="FFmpeg's pixel format, such as yuv420p10le.")
@click.option("--hardware", is_flag=True, help="Use a hardware encoder if one opens on this machine.")
@click.option("--ffmpeg-args", metavar="ARGS", default="", help="Further ffmpeg output arguments, in one string.")
@click.option("--no-audio", is_flag=True, help="Leave the sound out.")
@click.option("--start", type=TimeType(), metavar="TIME", help="Begin here: seconds or HH:MM:SS.")
@click.option("--end", type=TimeType(), metavar="TIME", help="End before here.")
@click.option("--overwrite", is_flag=True, help="Replace existing outputs.")
@click.option("--skip-existing", is_flag=True, help="Leave existing outputs alone and call that done.")
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Search folders below INPUT folders.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Say more, such as why an engine was not taken.")
@click.option("--dry-run", is_flag=True, help="Show the resolved configuration and what would be made, and stop.")
@click.pass_context
def convert(
    ctx: click.Context,
    inputs: tuple[str, ...],
    to: str | None,
    output: str | None,
    model: str | None,
    engines_dir: Path | None,
    engine: str,
    device: str,
    precision: EnginePrecision | Literal["auto"],
    size: int | Literal["auto", "native"] | None,
    smooth: float | None,
    detail: Literal["guided", "resize"],
    texture: float | None,
    contrast: float | None,
    strength: float,
    preserve_color: bool,
    batch: int | None,
    codec: str | None,
    crf: int | None,
    preset: str | None,
    pixel_format: str | None,
    hardware: bool,
    ffmpeg_args: str,
    no_audio: bool,
    start: Fraction | None,
    end: Fraction | None,
    overwrite: bool,
    skip_existing: bool,
    recursive: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    dry_run: bool,
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
    from cgtool.backends.selection import EngineRequest
    from cgtool.cli.screen import Screen
    from cgtool.conversion.jobs import plan
    from cgtool.conversion.model import choose_model
    from cgtool.tasks.convert import ConvertOptions, VideoOptions
    from cgtool.tasks.convert import convert as run

    if as_json and output == "-":
        raise UsageError("--json and -o - both write to standard output")
    if quiet and verbose:
        raise UsageError("--quiet and -v exclude each other")
    try:
        ffmpeg_arguments = tuple(shlex.split(ffmpeg_args))
    except ValueError as error:
        raise UsageError(f"--ffmpeg-args {ffmpeg_args!r}: {error}") from error
    options = ConvertOptions(
        engine=EngineRequest(engine, device, precision),
        size=size,
        smooth=smooth,
        detail=detail,
        texture=texture,
        contrast=contrast,
        strength=strength,
        preserve_color=preserve_color,
        batch=batch,
        overwrite=overwrite,
        skip_existing=skip_existing,
        video=VideoOptions(codec, crf, preset, pixel_format, hardware, ffmpeg_arguments, not no_audio, start, end),
    )
    chosen = choose_model(to, model, engines_dir)
    jobs = plan(inputs, output, chosen.target, recursive=recursive, skip_existing=skip_existing)
    if dry_run:
        described = dataclasses.asdict(options)
        described["model"] = {"name": chosen.name, "to": chosen.target, "training_scale": chosen.training_scale}
        described["jobs"] = [{"input": job.source_name, "output": job.target_name} for job in jobs]
        click.echo(json.dumps(described, indent=None if as_json else 2, default=str))
        return
    to_stdout = any(job.target is None and job.error is None for job in jobs)
    with Screen(as_json=as_json, quiet=quiet, verbose=verbose, results_to_stderr=to_stdout) as screen:
        for event in run(jobs, chosen, options):
            screen.show(event)
        screen.summarise()
    ctx.exit(1 if screen.failed else 0)
