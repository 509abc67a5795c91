"""Importing checkpoints as model folders, and listing the models there are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError, safe_open

import cgtool
from cgtool.backends import trial
from cgtool.backends.base import GeneratorSource
from cgtool.backends.engines import FoundEngine, engines_of, milliseconds_here
from cgtool.backends.spec import SUFFIX
from cgtool.backends.table import KINDS
from cgtool.config import Direction, EnginePrecision
from cgtool.errors import ModelError, UsageError
from cgtool.extras import require
from cgtool.models.checkpoints.reference_options import trained_scale
from cgtool.models.folder import ModelFolder
from cgtool.models.lookup import find_models
from cgtool.models.names import check_name

if TYPE_CHECKING:
    from cgtool.models.architecture import Generator


@dataclass(frozen=True)
class ModelRow:
    """A line of ``cgtool models list``.

    Attributes:
        model: The model.
        size_bytes: Bytes of the weight files.
        parameters: Numbers in one direction's generator.
        engines: Names of the compiled engines in the folder.
    """

    model: ModelFolder
    size_bytes: int
    parameters: int
    engines: tuple[str, ...]


@dataclass(frozen=True)
class EngineRow:
    """A compiled engine, as ``cgtool models list -v`` shows it. What can't be read off its manifest is None.

    Attributes:
        name: Its name in messages.
        target: The domain that it leads to.
        size_bytes: Bytes on the disk.
        precision: The arithmetic of its convolutions.
        psnr_db: Its agreement with PyTorch in FP32, if it was compared.
        ms_per_megapixel: Milliseconds, measured on this machine.
        problem: Why it can't be used here; None if it can.
        proof: Whether it was proven on this device and driver, in words; None if it can't be used here.
    """

    name: str
    target: str | None
    size_bytes: int | None
    precision: EnginePrecision | None
    psnr_db: float | None
    ms_per_megapixel: float | None
    problem: str | None
    proof: str | None


def import_model(
    g_a: Path,
    g_b: Path | None,
    *,
    domains: tuple[str, str],
    name: str,
    engines_dir: Path,
    scale: int | None = None,
    half: bool = True,
    overwrite: bool = False,
    note: str | None = None,
) -> ModelFolder:
    """Make a model folder of generator checkpoints that the reference PyTorch CycleGAN wrote.

    Args:
        g_a: The generator from ``domains[0]`` to ``domains[1]``, such as ``latest_net_G_A.pth``.
        g_b: The generator back, or None for a model of one direction. The same file, if it holds both.
        domains: (A, B).
        name: The new folder's name in ``engines_dir``.
        engines_dir: Where models are kept; made if it does not exist.
        scale: Short side in pixels after the training's resize and before its crop. None: read from the reference's
            ``train_opt.txt`` beside ``g_a``, else 286. ``provenance["training_scale_from"]`` says which.
        half: Store FP16 instead of FP32.
        overwrite: Replace a model folder of this name.
        note: Free text for the provenance.

    Raises:
        UsageError: PyTorch is not installed, the name or domains are unsafe, the scale is not positive, or the folder
            exists.
        ModelError: A checkpoint is damaged or foreign, both differ in structure, or the folder can't be written.
    """
    require("torch", "train")
    from cgtool.models.weights import load_checkpoint_generator, save_model_folder  # imports torch: not for listing

    check_name(name)  # here already, as engines_dir / "../x" would be elsewhere under a safe name
    if scale is not None and scale < 1:
        raise UsageError(f"a training scale of {scale} px is impossible", hint="Give the short side, such as 286.")
    sources: dict[Direction, Path] = {"A_to_B": g_a} if g_b is None else {"A_to_B": g_a, "B_to_A": g_b}
    generators: dict[Direction, Generator] = {}
    files: dict[str, dict[str, str]] = {}
    for direction, path in sources.items():
        generators[direction], _, sha256 = load_checkpoint_generator(path, direction if g_b is not None else None)
        files[direction] = {"file": path.name, "sha256": sha256}
    if len({generator.config for generator in generators.values()}) > 1:
        raise ModelError(
            f"its structure is not that of {g_a.name}", path=g_b, hint="Import each as a model of its own."
        )
    scale, scale_from = (scale, "given") if scale is not None else trained_scale(g_a)
    provenance: dict[str, object] = {
        "imported_from": files,
        "imported_by": f"cgtool {cgtool.__version__}",
        "training_scale_from": scale_from,
    }
    if note is not None:
        provenance["note"] = note
    return save_model_folder(
        engines_dir / name,
        generators,
        domains=domains,
        training_scale=scale,
        provenance=provenance,
        half=half,
        overwrite=overwrite,
    )


def list_models(engines_dir: Path | None) -> tuple[list[ModelRow], list[ModelError]]:
    """Every model that conversion would find, and what is wrong with those it would pass over. Imports no torch.

    Raises:
        UsageError: ``engines_dir`` is given but is no folder.
    """
    models, problems = find_models(engines_dir)
    rows = []
    for model in models:
        try:
            rows.append(model_row(model))
        except ModelError as error:
            problems.append(error)
    return rows, problems


def list_engines(model: ModelFolder) -> list[EngineRow]:
    """A model's compiled engines, in its folder and in the user's cache. Imports no torch."""
    from cgtool.conversion.model import source_of  # with it all of conversion, which listing names does without

    rows: dict[object, EngineRow] = {}  # each once: a manifest that can't be read is found for both directions
    for direction in model.directions:
        source = source_of(model, direction)
        for engine in engines_of(source):
            which = engine.problem if engine.file is None else engine.file.manifest_path
            rows[which] = _engine_row(engine, source, model.target(direction))
    return list(rows.values())


def _engine_row(engine: FoundEngine, source: GeneratorSource, target: str) -> EngineRow:
    if engine.file is None:
        return EngineRow(engine.name, None, None, None, None, None, engine.problem, None)
    manifest, file = engine.file.manifest, engine.file
    home = KINDS[manifest.format].home()
    proof = None if engine.problem else trial.words(file.promise, file.spec(source), home)
    return EngineRow(
        name=engine.name,
        target=target,
        size_bytes=file.size_bytes,
        precision=manifest.precision,
        psnr_db=manifest.parity.get("psnr_db"),
        ms_per_megapixel=milliseconds_here(file, home),
        problem=engine.problem,
        proof=proof,
    )


def model_row(model: ModelFolder) -> ModelRow:
    """A model as `list_models` tells it.

    Raises:
        ModelError: Its weights are no safetensors file.
    """
    paths = [model.path / weight.file for weight in model.weights.values()]
    return ModelRow(
        model=model,
        size_bytes=sum(path.stat().st_size for path in paths),
        parameters=_count_parameters(paths[0]),
        engines=tuple(sorted(path.name.removesuffix(SUFFIX) for path in model.path.glob(f"*{SUFFIX}"))),
    )


def _count_parameters(path: Path) -> int:
    try:
        with safe_open(path, framework="numpy") as file:
            return sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelError(f"not a safetensors file ({error})", path=path, hint="Copy the model folder again.") from error
