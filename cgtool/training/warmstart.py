"""Folders that carry a training to another machine: weights in half precision and where they were, nothing else.

They are small enough to be committed::

    init/
        init.json               format version, step, images, architectures, SHA-256 of the files, provenance
        A_to_B.safetensors      generators        A_to_B.ema.safetensors    their averages, if there are any
        B_to_A.safetensors                        B_to_A.ema.safetensors
        D_A.safetensors         discriminators
        D_B.safetensors
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cgtool.config import DIRECTIONS
from cgtool.errors import ModelError, UsageError
from cgtool.models.architecture import describe
from cgtool.models.folder import MODEL_FILE, read_model_folder
from cgtool.models.weights import load_generator
from cgtool.training.state import TrainState

_FILE = "init.json"
_FORMAT = 1
_HINT = "Write it again with --save-init"


@dataclass(frozen=True)
class Init:
    """Where a warm start came from, for provenance.

    Attributes:
        step: Steps that made the weights.
        sha256: Of its `init.json`, which holds those of the weights.
        provenance: What it says of itself.
    """

    step: int
    sha256: str
    provenance: Mapping[str, Any]


def check_save_init(folder: Path) -> None:
    """Refuse a folder that `save_init` must not replace.

    Raises:
        UsageError: It exists and is neither empty nor a former warm start.
    """
    if folder.exists() and not (folder.is_dir() and ((folder / _FILE).is_file() or not any(folder.iterdir()))):
        raise UsageError(
            "exists and is no warm start, so it is not replaced", path=folder, hint="Choose another folder"
        )


def save_init(folder: Path, state: TrainState, provenance: Mapping[str, Any]) -> None:
    """Write a warm start; a former one is replaced. It appears under its name only when whole.

    Raises:
        UsageError: The folder holds something else.
        ModelError: Weights are not finite in half precision, or it can't be written.
    """
    check_save_init(folder)
    networks, averages = state.weights()
    states = {**networks, **{f"{direction}.ema": weights for direction, weights in averages.items()}}
    contents: dict[str, bytes] = {}
    for name, weights in states.items():
        half = {key: value.detach().to("cpu", torch.float16).contiguous() for key, value in weights.items()}
        for key, value in half.items():
            if not torch.isfinite(value).all():
                raise ModelError(f"{name}'s {key} is not finite in half precision", path=folder)
        contents[f"{name}.safetensors"] = safetensors.torch.save(half)
    description = {
        "format_version": _FORMAT,
        "step": state.step,
        "images": state.images,
        **_architectures(state),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
        "provenance": dict(provenance),
    }
    contents[_FILE] = (json.dumps(description, indent=2, ensure_ascii=False) + "\n").encode()
    try:
        _publish(folder.absolute(), contents)
    except OSError as error:
        raise ModelError(f"can't be written: {error.strerror}", path=folder, hint="Choose another folder") from error


def load_init(folder: Path, state: TrainState) -> Init:
    """Take over a warm start's weights and step count; optimizers and pools stay fresh.

    A model folder will do as well: its generators, to train them further on other images or against other judges. The
    discriminators stay fresh, and steps count from 0.

    Raises:
        ModelError: It is missing, damaged, or of another architecture.
    """
    if (folder / MODEL_FILE).is_file():
        return _load_model(folder, state)
    try:
        text = (folder / _FILE).read_bytes()
        description = json.loads(text)
        version = description["format_version"]
        if version != _FORMAT:
            raise ModelError(f"format version {version!r}, where this cgtool reads {_FORMAT}", path=folder / _FILE)
        for key, wanted in _architectures(state).items():
            _compare(folder, key, description[key], wanted)
        states = {}
        for name, sha256 in description["sha256"].items():
            data = (folder / name).read_bytes()
            if hashlib.sha256(data).hexdigest() != sha256:
                raise ModelError("changed or damaged: its SHA-256 is not the one in init.json", path=folder / name)
            states[name.removesuffix(".safetensors")] = safetensors.torch.load(data)
        step, images = int(description["step"]), int(description["images"])
        provenance = dict(description["provenance"])
    except OSError as error:
        raise ModelError(
            f"can't be read: {error.strerror}",
            path=error.filename or folder,
            hint="Give a folder from --save-init, or a model's folder",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise ModelError("damaged, or no warm start", path=folder, hint=_HINT) from error
    averages = {name.removesuffix(".ema"): weights for name, weights in states.items() if name.endswith(".ema")}
    try:
        state.load_weights(states, averages)
    except ModelError as error:
        raise ModelError(error.message, path=folder, hint=_HINT) from error
    state.step, state.images = step, images
    return Init(step, hashlib.sha256(text).hexdigest(), provenance)


def _load_model(folder: Path, state: TrainState) -> Init:
    model = read_model_folder(folder)
    generators: dict[str, Mapping[str, Tensor]] = {}
    for direction in DIRECTIONS:
        net = load_generator(model, direction)
        _compare(folder, "generator", describe(net.config), describe(state.generators[direction].config))
        generators[direction] = net.state_dict()
    networks, _ = state.weights()
    state.load_weights({**networks, **generators}, generators)
    return Init(0, hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest(), model.provenance)


def _compare(folder: Path, key: str, architecture: Mapping[str, object], wanted: Mapping[str, object]) -> None:
    if architecture != wanted:
        raise ModelError(
            f"its {key} is {_words(architecture)}, but this training's is {_words(wanted)}",
            path=folder,
            hint="Give the options that it was trained with",
        )


def _architectures(state: TrainState) -> dict[str, dict[str, object]]:
    return {
        "generator": state.config.generator_architecture(),
        "discriminator": state.config.discriminator_architecture(),
    }


def _words(architecture: Mapping[str, object]) -> str:
    return " ".join(str(value) if key == "type" else f"{key}={value}" for key, value in architecture.items())


def _publish(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        new.mkdir()
        for name, data in contents.items():
            with (new / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
