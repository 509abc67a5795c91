"""``cgtool models``: what there is to convert with, and importing the reference's checkpoints."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cgtool.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from cgtool.models.folder import ModelFolder
    from cgtool.tasks.models import EngineRow


@click.group()
def models() -> None:
    """List models, and import the reference CycleGAN's checkpoints."""


@models.command("list")
@click.option("--engines-dir", type=click.Path(path_type=Path), help="Look for models here first.")
@click.option(
    "-v", "--verbose", is_flag=True, help="Show every engine: size, parity, speed, usable and proven here or why not."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def list_models(ctx: click.Context, engines_dir: Path | None, verbose: bool, as_json: bool) -> None:
    """Show every model that `cgtool convert` finds.

    Models are looked up in --engines-dir, $CGTOOL_ENGINES, ./engines, and among the ones that ship with cgtool.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cgtool.tasks.models import list_engines
    from cgtool.tasks.models import list_models as rows_of

    rows, problems = rows_of(engines_dir)
    engines = {row.model.name: list_engines(row.model) for row in rows} if verbose else {}
    if as_json:
        for row in rows:
            described = {
                "name": row.model.name,
                "domains": row.model.domains,
                "synonyms": dict(row.model.synonyms),
                "targets": [row.model.target(direction) for direction in row.model.directions],
                "size": row.model.defaults.size,
                "sizes": _sizes(row.model),
                "training_scale": row.model.training_scale,
                "parameters": row.parameters,
                "bytes": row.size_bytes,
                "engines": [_described(engine) for engine in engines[row.model.name]] if verbose else row.engines,
                "path": str(row.model.path),
            }
            click.echo(json.dumps(described, ensure_ascii=False))
    else:
        table = Table(*("name", "--to", "size", "parameters", "on disk", "engines", "where"), box=None)
        for row in rows:
            table.add_row(
                Text(row.model.name),
                " ".join(_named(row.model, row.model.target(direction)) for direction in row.model.directions),
                f"{', '.join(dict.fromkeys(str(size) for size in _sizes(row.model).values()))} px",
                f"{row.parameters / 1e6:.1f} M",
                f"{row.size_bytes / 1e6:.1f} MB",
                " ".join(row.engines) or "none compiled",
                Text(str(row.model.path)),
            )
        # Without a terminal nobody sees where a line ends: never cut a path.
        console = Console() if sys.stdout.isatty() else Console(width=10_000)
        console.print(table if rows else "No models. Make one with `cgtool models import`.")
        if verbose:
            console.print(_table(engines))
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    ctx.exit(1 if problems else 0)


def _described(engine: EngineRow) -> dict[str, Any]:
    described = dataclasses.asdict(engine)
    return {**described, "usable": engine.problem is None}


def _table(engines: dict[str, list[EngineRow]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(
        "model", "engine", "--to", "precision", "on disk", "parity", "ms per megapixel", "here", "proof", box=None
    )
    for model, rows in engines.items():
        for row in rows:
            table.add_row(
                model,
                Text(row.name),
                row.target,
                row.precision,
                None if row.size_bytes is None else f"{row.size_bytes / 1e6:.1f} MB",
                None if row.psnr_db is None else f"{row.psnr_db:.1f} dB",
                None if row.ms_per_megapixel is None else f"{row.ms_per_megapixel:.0f}",
                Text(row.problem or "usable"),
                Text(row.proof or ""),
            )
    return table


def _sizes(model: ModelFolder) -> dict[str, int]:
    """The size at which the network sees frames, by the domain that it leads to."""
    return {model.target(direction): model.defaults_of(direction).size for direction in model.directions}


def _named(model: ModelFolder, domain: str) -> str:
    """A domain with its synonyms."""
    words = model.synonyms.get(domain, ())
    return f"{domain} ({', '.join(words)})" if words else domain


@models.command("import")
@click.argument("g_a", metavar="G_A.pth", type=click.Path(path_type=Path))
@click.argument("g_b", metavar="[G_B.pth]", type=click.Path(path_type=Path), required=False)
@click.option("--domains", metavar="A,B", required=True, help="The two domains: G_A.pth leads from A to B.")
@click.option("--name", required=True, help="The new model's name.")
@click.option("--engines-dir", type=click.Path(path_type=Path), help="Where to put it.  [default: ./engines]")
@click.option("--scale", type=click.IntRange(16, 8192), help="Short side of the training images before the crop.")
@click.option("--fp32", is_flag=True, help="Store full precision instead of half.")
@click.option("--overwrite", is_flag=True, help="Replace a model of this name.")
def import_checkpoints(
    g_a: Path,
    g_b: Path | None,
    domains: str,
    name: str,
    engines_dir: Path | None,
    scale: int | None,
    fp32: bool,
    overwrite: bool,
) -> None:
    """Make a model folder of the reference PyTorch CycleGAN's generator checkpoints.

    \b
    cgtool models import latest_net_G_A.pth latest_net_G_B.pth --domains summer,winter --name yosemite
    """
    from cgtool.models.lookup import default_engines_dir
    from cgtool.tasks.models import import_model

    names = [domain.strip() for domain in domains.split(",")]
    if len(names) != 2:
        raise UsageError(f"--domains {domains!r} must name two domains", hint="Write them as in summer,winter")
    model = import_model(
        g_a,
        g_b,
        domains=(names[0], names[1]),
        name=name,
        engines_dir=default_engines_dir(engines_dir),
        scale=scale,
        half=not fp32,
        overwrite=overwrite,
    )
    click.echo(
        f"{model.path}: {model.domains[0]} and {model.domains[1]}, training scale {model.training_scale} px "
        f"({model.provenance['training_scale_from']})"
    )
