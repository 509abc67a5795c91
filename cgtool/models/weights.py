"""Weights in and out: our model folders' safetensors, and checkpoints of the reference."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cgtool.config import DIRECTIONS, MAX_AUTO_SIZE, Direction
from cgtool.errors import ModelError, UsageError
from cgtool.files import publish_folder
from cgtool.models.architecture import Generator, build_generator, describe
from cgtool.models.checkpoints.reference import read_generator
from cgtool.models.folder import (
    MODEL_FILE,
    Defaults,
    ModelFolder,
    Structure,
    WeightFile,
    check_record,
    to_json,
)
from cgtool.models.names import check_names

_COPY_HINT = "Copy the model folder again, or import or train the model again."


class CheckpointGenerator(NamedTuple):
    """A bare checkpoint file's generator.

    Attributes:
        generator: In eval mode, FP32, on the CPU.
        architecture: Its structure, as `cgtool.models.architecture.describe` gives it.
        sha256: SHA-256 of the file's bytes, for `cgtool.models.folder.checkpoint_key`.
    """

    generator: Generator
    architecture: dict[str, object]
    sha256: str


def load_generator(model: ModelFolder, direction: Direction) -> Generator:
    """Load one direction's generator, after checking the file's SHA-256.

    Returns:
        The generator in eval mode, on the CPU, in FP32 whatever the file's precision.

    Raises:
        ModelError: The weights are missing, changed, damaged, or of another structure than `model.json` says.
    """
    if direction not in model.weights:
        raise ModelError(f"has no weights for {direction}", path=model.path, hint="Import or train both directions.")
    weight, structure = model.weights[direction], model.network_of(direction)
    path = model.path / weight.file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"can't be read: {error.strerror}", path=path, hint=_COPY_HINT) from error
    if _sha256(data) != weight.sha256:
        raise ModelError("changed or damaged: its SHA-256 is not the one in model.json", path=path, hint=_COPY_HINT)
    try:
        state = safetensors.torch.load(data)
    except SafetensorError as error:
        raise ModelError(f"not a safetensors file ({error})", path=path, hint=_COPY_HINT) from error
    try:
        with torch.device("meta"):  # no memory and no random numbers for weights that are replaced
            net = build_generator(structure.architecture)
        net.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    except ModelError as error:
        raise ModelError(error.message, path=model.path / MODEL_FILE, hint=error.hint) from None
    except RuntimeError as error:
        raise ModelError("does not fit the architecture in model.json", path=path, hint=_COPY_HINT) from error
    if net.stride != structure.stride:
        raise ModelError(
            f"stride is {structure.stride}, but the network's is {net.stride}",
            path=model.path / MODEL_FILE,
            hint=_COPY_HINT,
        )
    return net.eval()


def load_checkpoint_generator(path: Path, direction: Direction | None = None) -> CheckpointGenerator:
    """Load a generator checkpoint of the reference PyTorch CycleGAN or its kin, such as ``latest_net_G_A.pth``.

    Args:
        path: The file; see `cgtool.models.checkpoints.reference.read_generator`.
        direction: Which generator is wanted, where the file holds both.

    Raises:
        ModelError: The file is missing, damaged or not a generator of a supported structure.
    """
    generator, data = read_generator(path, direction)
    return CheckpointGenerator(generator, describe(generator.config), _sha256(data))


def save_model_folder(
    path: Path,
    generators: Mapping[Direction, Generator],
    *,
    domains: tuple[str, str],
    training_scale: int,
    provenance: Mapping[str, object],
    defaults: Defaults | None = None,
    synonyms: Mapping[str, tuple[str, ...]] | None = None,
    half: bool = True,
    overwrite: bool = False,
) -> ModelFolder:
    """Write a model folder. It appears under its name only when whole.

    Args:
        path: The folder; its name is the model's. Folders above it are made.
        generators: One or both directions, of one structure, on any device.
        domains: (A, B).
        training_scale: Short side in pixels after the training's resize and before its crop.
        provenance: Where the weights come from, as JSON-able data.
        defaults: Settings of conversion; None for the training scale and `Defaults`' own smoothing and texture.
        synonyms: Other names that ``--to`` knows the domains by.
        half: Store FP16 instead of FP32: half the bytes, and pictures within rounding of the same.
        overwrite: Replace a model folder of this name, compiled engines included.

    Raises:
        UsageError: The name or the domains are not safe, or the folder exists and may not be replaced.
        ModelError: Weights that are not finite in the stored precision, structures that differ, sizes out of range, or
            a failed write.
    """
    check_names(path.name, domains, synonyms or {})
    _check_replaceable(path, overwrite)
    nets = [generators[direction] for direction in DIRECTIONS if direction in generators]
    if not nets or any(net.config != nets[0].config for net in nets):
        raise ModelError("needs one or two generators of the same structure", path=path)
    # Everything that can be refused is refused before anything is written.
    dtype = torch.float16 if half else torch.float32
    files = {direction: _serialize(net, dtype, path) for direction, net in generators.items()}
    model = ModelFolder(
        path=path,
        name=path.name,
        domains=domains,
        network=Structure(describe(nets[0].config), nets[0].stride),
        training_scale=training_scale,
        provenance=provenance,
        weights={direction: WeightFile(f"{direction}.safetensors", _sha256(data)) for direction, data in files.items()},
        defaults=defaults or Defaults(size=min(training_scale, MAX_AUTO_SIZE)),
        synonyms=synonyms or {},
    )
    check_record(model)
    contents = {model.weights[direction].file: data for direction, data in files.items()}
    contents[MODEL_FILE] = to_json(model).encode()
    try:
        publish_folder(path, contents, overwrite=overwrite)
    except OSError as error:
        raise ModelError(f"can't be written: {error.strerror}", path=path, hint="Choose another folder.") from error
    return model


def _check_replaceable(path: Path, overwrite: bool) -> None:
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise UsageError("exists already", path=path, hint="Choose another name, or pass --overwrite.")
    if not (path / MODEL_FILE).is_file():
        raise UsageError("exists and is no model folder, so it is not replaced", path=path, hint="Choose another name.")


def _serialize(net: Generator, dtype: torch.dtype, path: Path) -> bytes:
    state: dict[str, Tensor] = {
        key: value.detach().to("cpu", dtype).contiguous() for key, value in net.state_dict().items()
    }
    for key, value in state.items():
        if not torch.isfinite(value).all():
            raise ModelError(f"{key} holds values that are not finite as {dtype}", path=path, hint="Pass half=False.")
    return safetensors.torch.save(state)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
