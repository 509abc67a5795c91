"""``cgtool export``: options to a plan, then the builds, told on the screen, and a table at the end."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from cgtool.backends.table import FORMATS
from cgtool.cli.setup.settings import COMMAND_LINE, origins, settle
from cgtool.config import EnginePrecision
from cgtool.errors import UsageError

if TYPE_CHECKING:
    from cgtool.backends.spec import EngineSpec
    from cgtool.pictures import Size
    from cgtool.tasks.export import Exported, ExportRequest


class FrameSizeType(click.ParamType):  # type: ignore[type-arg]  # generic only in recent versions of click
    """Width and height as ``WIDTHxHEIGHT``."""

    name = "WIDTHxHEIGHT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Size:
        """Read a size."""
        from cgtool.pictures import Size

        if isinstance(value, Size):
            return value
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", str(value))
        if match is None or not all(8 <= int(side) <= 16384 for side in match.groups()):
            self.fail(f"{value!r} is no size; write width and height in pixels, as in 1280x720", param, ctx)
        return Size(int(match[1]), int(match[2]))


_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("models", metavar="[MODEL...]", nargs=-1)
@click.option("--to", metavar="DOMAIN", help="Only generators that lead to this domain.  [default: all]")
@click.option(
    "--format",
    "format_",
    type=click.Choice(("auto", *FORMATS)),
    default="auto",
    show_default=True,
    help="auto is tensorrt or tensorrt-rtx where an NVIDIA GPU and the package are there, else openvino.",
)
@click.option("--fp16", is_flag=True, help="FP16; in OpenVINO FP16 weights, BF16 arithmetic.")
@click.option("--fp32", is_flag=True, help="FP32.")
@click.option("--bf16", is_flag=True, help="BF16 (OpenVINO).")
@click.option("--int8", is_flag=True, help="8-bit integers (OpenVINO); needs --calibration.")
@click.option("--size", type=FrameSizeType(), help="TensorRT: the one size that the engine takes.")
@click.option("--min", "smallest", type=FrameSizeType(), help="TensorRT: the smallest size.")
@click.option("--opt", "best", type=FrameSizeType(), help="TensorRT: the size to be fastest at.")
@click.option("--max", "largest", type=FrameSizeType(), help="TensorRT: the largest size.")
@click.option("--batch", type=click.IntRange(1, 64), default=4, show_default=True, help="TensorRT: the largest batch.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Keep only what agrees with PyTorch.")
@click.option("--calibration", type=_FOLDER, metavar="DIR", help="Photographs to quantize with and to compare on.")
@click.option("--workspace", type=click.IntRange(1), metavar="MB", help="TensorRT: limit of working memory.")
@click.option("--timing-cache", type=_FOLDER, metavar="FILE", help="TensorRT: keep its measurements here.")
@click.option("--hardware-compatible", is_flag=True, help="TensorRT: an engine for other GPUs too; slower.")
@click.option("--version-compatible", is_flag=True, help="TensorRT: an engine for later versions too.")
@click.option(
    "--gpus",
    metavar="all|SM,...",
    default="all",
    show_default=True,
    help="TensorRT for RTX: the GPUs to compile for; all is Ampere and newer, sm75 is Turing.",
)
@click.option(
    "-o",
    "--output",
    type=_FOLDER,
    metavar="DIR",
    help="Put engines here.  [default: beside the weights, where convert looks]",
)
@click.option("--engines-dir", type=_FOLDER, help="Look for models here first.")
@click.option("--force", is_flag=True, help="Compile anew what is there already.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option("--dry-run", is_flag=True, help="Show what would be compiled and stop.")
@click.pass_context
def export(
    ctx: click.Context,
    models: tuple[str, ...],
    to: str | None,
    format_: str,
    fp16: bool,
    fp32: bool,
    bf16: bool,
    int8: bool,
    size: Size | None,
    smallest: Size | None,
    best: Size | None,
    largest: Size | None,
    batch: int,
    verify: bool,
    calibration: Path | None,
    workspace: int | None,
    timing_cache: Path | None,
    hardware_compatible: bool,
    version_compatible: bool,
    gpus: str,
    output: Path | None,
    engines_dir: Path | None,
    force: bool,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Compile models to engines that `cgtool convert` picks by itself.

    With no MODEL, all models in the engines folder, both directions. Each engine is compared with PyTorch on
    photographs; one that differs too much is not kept, and the exit code is 1. Engines that are there already and fit
    are left alone.

    \b
    cgtool export --fp16
    cgtool export summer2winter --to winter --format onnx --fp16
    cgtool export --format openvino --int8 --calibration photos/
    """
    from cgtool.backends.spec import BuildOptions
    from cgtool.tasks import export as task

    smallest, best, largest = _sizes(size, smallest, best, largest)
    request = task.ExportRequest(
        models=models,
        to=to,
        format=format_,
        precision=_one_of(**settle(ctx, {"fp16": fp16, "fp32": fp32, "bf16": bf16, "int8": int8})),
        smallest=smallest,
        best=best,
        largest=largest,
        batch=batch,
        verify=verify,
        build=BuildOptions(
            workspace_mb=workspace,
            timing_cache=timing_cache,
            hardware_compatible=hardware_compatible,
            version_compatible=version_compatible,
            gpus=_gpus(gpus),
        ),
        output=output,
        calibration=calibration,
        force=force,
    )
    specs = task.plan(request, engines_dir)
    if dry_run:
        _show_plan(specs, {} if as_json else origins(ctx), as_json=as_json)
        return
    done = _run(specs, request, as_json=as_json)
    damaged = not models and _tell_damaged(engines_dir)
    ctx.exit(1 if damaged or any(result.status == "failed" for result in done) else 0)


def _show_plan(specs: list[EngineSpec], places: Mapping[str, str], *, as_json: bool) -> None:
    for spec in specs:
        click.echo(json.dumps(_described(spec), ensure_ascii=False) if as_json else f"{spec.label} -> {spec.folder}")
    for option, place in places.items():
        if place != COMMAND_LINE:
            click.echo(f"--{option}: {place}")


def _tell_damaged(engines_dir: Path | None) -> bool:
    """Name the model folders that could not be read; whether there are any."""
    from cgtool.models.lookup import find_models

    _, problems = find_models(engines_dir)
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    return bool(problems)


def _sizes(size: Size | None, *sizes: Size | None) -> tuple[Size | None, ...]:
    """``--min``, ``--opt`` and ``--max``, or what ``--size`` says of all three."""
    if size is None:
        return sizes
    if any(sizes):
        raise UsageError("--size is --min, --opt and --max in one", hint="Give either")
    return size, size, size


def _gpus(text: str) -> tuple[str, ...]:
    """Compute capabilities that are listed with commas, in the order in which an engine's name has them."""
    from cgtool.backends.spec import AMPERE_AND_NEWER, RTX_GPUS

    words = [word.strip() for word in text.split(",") if word.strip()]
    named = [gpu for word in words for gpu in (AMPERE_AND_NEWER if word == "all" else [word])]
    return (*(gpu for gpu in RTX_GPUS if gpu in named), *(gpu for gpu in named if gpu not in RTX_GPUS))


def _one_of(**flags: bool) -> EnginePrecision | None:
    given = [name for name, value in flags.items() if value]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in given)} exclude each other", hint="Give one")
    return cast(EnginePrecision, given[0]) if given else None


def _run(specs: list[EngineSpec], request: ExportRequest, *, as_json: bool) -> list[Exported]:
    from rich.console import Console
    from rich.progress import Progress

    from cgtool.tasks.export import Exported
    from cgtool.tasks.export import export as run

    done: list[Exported] = []
    console = Console(stderr=True, soft_wrap=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal or as_json) as bars:
        overall = bars.add_task("engines", total=len(specs))
        phases: dict[str, Any] = {}

        def show(phase: str, step: int, steps: int) -> bool:
            task = phases.setdefault(phase, None) or bars.add_task(phase, total=steps)
            phases[phase] = task
            bars.update(task, completed=step, total=steps, visible=step < steps)
            return True

        for event in run(specs, request, show):
            if isinstance(event, Exported):
                done.append(event)
                bars.advance(overall)
                if as_json:
                    click.echo(json.dumps(_outcome(event), ensure_ascii=False))
                elif event.status == "failed":
                    console.print(f"error: {event.error}", style="red", markup=False, highlight=False)
            else:
                bars.update(overall, description=event.spec.label)
    if not as_json:
        _table(done)
    return done


def _described(spec: EngineSpec) -> dict[str, Any]:
    return {
        "model": spec.origin.model,
        "direction": spec.source.direction,
        "format": spec.format,
        "precision": spec.precision,
        "folder": str(spec.folder),
    }


def _outcome(result: Exported) -> dict[str, Any]:
    engine = result.engine
    return {
        **_described(result.spec),
        "status": result.status,
        "engine": None if engine is None else str(engine.paths[0]),
        "bytes": None if engine is None else engine.size_bytes,
        "parity": None if engine is None else dict(engine.manifest.parity),
        "milliseconds": result.milliseconds,
        "error": result.error,
    }


def _table(done: list[Exported]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        "engine", "format", "precision", "shapes", "on disk", "parity", "ms per frame", "against PyTorch", "", box=None
    )
    for result in done:
        engine = result.engine
        if engine is None:
            continue
        manifest = engine.manifest
        parity = manifest.parity
        table.add_row(
            Text(str(engine.paths[0])),
            manifest.format,
            manifest.precision,
            "any" if manifest.shapes is None else str(manifest.shapes),
            f"{engine.size_bytes / 1e6:.1f} MB",
            f"{parity['psnr_db']:.1f} dB, max {parity['max_levels']:.0f}" if parity else "not compared",
            "" if result.milliseconds is None else f"{result.milliseconds['engine']:.1f}",
            "" if result.milliseconds is None else _against(result.milliseconds),
            result.status,
        )
    console = Console() if sys.stdout.isatty() else Console(width=10_000)
    console.print(table)
    failed = sum(result.status == "failed" for result in done)
    click.echo(f"{len(done) - failed} engines, {failed} failed")


def _against(milliseconds: dict[str, float]) -> str:
    own = milliseconds["engine"]
    return ", ".join(f"{ms / own:.2f} x {name}" for name, ms in milliseconds.items() if name != "engine")
