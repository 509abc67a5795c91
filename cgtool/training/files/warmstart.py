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
from cgtool.files import publish_folder
from cgtool.models.architecture import check_same
from cgtool.models.folder import MODEL_FILE, ModelFolder, read_model_folder, told_by_target
from cgtool.models.weights import load_generator
from cgtool.training.build import Networks
from cgtool.training.record import Init
from cgtool.training.state import TrainState

_FILE = "init.json"
_FORMAT = 1
_HINT = "Write it again with --save-init"
_AVERAGE = ".ema"


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
    """Write a warm start. It appears under its name only when whole; a former one is replaced, or stays as it was.

    Raises:
        UsageError: The folder holds something else.
        ModelError: Weights are not finite in half precision, or it can't be written.
    """
    check_save_init(folder)
    networks, averages = state.weights()
    states = {**networks, **{f"{direction}{_AVERAGE}": weights for direction, weights in averages.items()}}
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
        "generator": state.config.generator_architecture(),
        "discriminator": state.config.discriminator_architecture(),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
        "provenance": dict(provenance),
    }
    contents[_FILE] = (json.dumps(description, indent=2, ensure_ascii=False) + "\n").encode()
    try:
        publish_folder(folder, contents)
    except OSError as error:
        raise ModelError(f"can't be written: {error.strerror}", path=folder, hint="Choose another folder") from error


@dataclass(frozen=True)
class WarmStart:
    """Weights to begin with, on the CPU.

    Attributes:
        folder: Where they are.
        networks: By the names that `cgtool.training.build.Networks` gives; all four, or the generators alone.
        averages: The generators' moving averages, by direction; may be empty.
        images: Images of each domain that they have seen.
        init: Where they come from, for the record.
    """

    folder: Path
    networks: Mapping[str, Mapping[str, Tensor]]
    averages: Mapping[str, Mapping[str, Tensor]]
    images: int
    init: Init


def read_init(folder: Path, networks: Networks) -> WarmStart:
    """Read a warm start, or a model folder: its generators, to train them further on other images or judges.

    Args:
        folder: Where it is.
        networks: Those that shall take over the weights.

    Raises:
        ModelError: It is missing, damaged, or of another architecture.
    """
    if (folder / MODEL_FILE).is_file():
        return _read_model(folder, networks)
    try:
        text = (folder / _FILE).read_bytes()
        description = json.loads(text)
        version = description["format_version"]
        if version != _FORMAT:
            raise ModelError(f"format version {version!r}, where this cgtool reads {_FORMAT}", path=folder / _FILE)
        for key, net in (("generator", networks.G), ("discriminator", networks.D_X)):
            check_same(key, description[key], net.config, folder)
        states = {}
        for name, sha256 in description["sha256"].items():
            data = (folder / name).read_bytes()
            if hashlib.sha256(data).hexdigest() != sha256:
                raise ModelError("changed or damaged: its SHA-256 is not the one in init.json", path=folder / name)
            states[name.removesuffix(".safetensors")] = safetensors.torch.load(data)
        return WarmStart(
            folder,
            networks={name: weights for name, weights in states.items() if not name.endswith(_AVERAGE)},
            averages={
                name.removesuffix(_AVERAGE): weights for name, weights in states.items() if name.endswith(_AVERAGE)
            },
            images=int(description["images"]),
            init=Init(int(description["step"]), hashlib.sha256(text).hexdigest(), dict(description["provenance"])),
        )
    except OSError as error:
        raise ModelError(
            f"can't be read: {error.strerror}",
            path=error.filename or folder,
            hint="Give a folder from --save-init, or a model's folder",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise ModelError("damaged, or no warm start", path=folder, hint=_HINT) from error


def _read_model(folder: Path, networks: Networks) -> WarmStart:
    model = read_model_folder(folder)
    nets = {direction: load_generator(model, direction) for direction in DIRECTIONS}
    for direction in DIRECTIONS:
        check_same("generator", model.network_of(direction).architecture, networks.G.config, folder)
    weights: dict[str, dict[str, Tensor]] = {direction: net.state_dict() for direction, net in nets.items()}
    return WarmStart(
        folder,
        networks=weights,
        averages=weights,
        images=0,
        init=model_as_init(model),
    )


def model_as_init(model: ModelFolder) -> Init:
    """What a record says of a model that a run begins with or imitates: its steps are not the run's."""
    networks = {
        "architecture": dict(model.network.architecture),
        **told_by_target("network_to", model.network_to),
        "weights": {direction: weights.sha256 for direction, weights in model.weights.items()},
    }
    return Init(
        0,
        hashlib.sha256((model.path / MODEL_FILE).read_bytes()).hexdigest(),
        model.provenance,
        hashlib.sha256(json.dumps(networks, sort_keys=True).encode()).hexdigest(),
    )
