"""Reads generators that the reference PyTorch CycleGAN wrote (``latest_net_G_A.pth``), and those of its kin.

The structure is read off the keys, so no option file is needed. The reference numbers the layers of one long
``nn.Sequential``; `_resnet_layers` and `_unet_layers` say which number each of our layers has there.
"""

from __future__ import annotations

import io
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from cgtool.errors import ModelError
from cgtool.models.architecture import Generator, build_generator, describe
from cgtool.models.resnet import ResNetConfig
from cgtool.models.unet import UNetConfig

State = dict[str, Tensor]

_SUPPORTED = "Supported are the ResNet and U-Net generators of the PyTorch CycleGAN with instance normalization."
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_RUNNING_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")
# What torch.save writes: a ZIP archive, or before PyTorch 1.6 a pickle.
_MAGIC = (b"PK", b"\x80")


def read_generator(path: Path) -> tuple[Generator, bytes]:
    """Read a generator checkpoint.

    Args:
        path: A ``.pth`` file that holds a ``state_dict``, bare or under ``state_dict``, ``model_state_dict`` or
            ``model``.

    Returns:
        The generator in eval mode, FP32, on the CPU, and the file's bytes.

    Raises:
        ModelError: The file is missing, damaged or not a generator of a supported structure.
    """
    data = _read_bytes(path)
    try:
        state = _plain_state(_unpickle(data))
        config = _structure(state)
        return _fill(config, state), data
    except ModelError as error:
        raise ModelError(error.message, path=path, hint=error.hint) from error.__cause__


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(2)
            if not start:
                raise ModelError("the file is empty", path=path, hint="Copy or download it again.")
            if not start.startswith(_MAGIC):
                raise ModelError("not a PyTorch checkpoint", path=path, hint=_SUPPORTED)
            return start + file.read()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelError(f"can't be read: {reason}", path=path, hint="Give the path of a .pth file.") from error


def _unpickle(data: bytes) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on old pickle protocols and TorchScript; what matters becomes an error
            loaded: object = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            return loaded
    except pickle.UnpicklingError as error:
        raise ModelError(
            "holds Python objects besides tensors (or is damaged), and loading it could run code",
            hint="Save only the network's state_dict().",
        ) from error
    # Damaged bytes make the unpickler fail in many ways: KeyError, UnicodeDecodeError, EOFError, struct.error...
    except Exception as error:
        if "TorchScript" in str(error):
            raise ModelError("a TorchScript archive, not a checkpoint", hint="Save its state_dict().") from error
        said = f" ({str(error).splitlines()[0].split('. ')[0]})" if isinstance(error, RuntimeError) else ""
        raise ModelError(f"truncated or damaged{said}", hint="Copy or download it again.") from error


def _plain_state(loaded: object) -> State:
    """The tensors by name, without wrappers, prefixes of parallel training, and what instance normalization ignores."""
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
            break
    if not isinstance(loaded, Mapping) or not loaded or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise ModelError("holds no network's weights", hint=_SUPPORTED)
    state: State = {re.sub(r"^(module\.|_orig_mod\.)+", "", str(key)): value for key, value in loaded.items()}
    for key in state:
        norm = key.removesuffix(".running_mean")
        if norm != key and f"{norm}.weight" in state:
            raise ModelError("uses batch normalization", hint=_SUPPORTED)
    return {
        # vintagify calls a residual block's layers block where the reference calls them conv_block.
        re.sub(r"^(model\.\d+)\.block\.", r"\1.conv_block.", key): value
        for key, value in state.items()
        # PyTorch before 0.4 saved running statistics for instance normalization, though it did not use them.
        if not key.endswith(_RUNNING_STATISTICS)
    }


def _structure(state: State) -> ResNetConfig | UNetConfig:
    if any(key.endswith(".filt") for key in state):
        raise ModelError("an anti-aliased generator (as CUT writes them)", hint=_SUPPORTED)
    if _kernel(state, "model.model.0") == 4:
        return _unet_structure(state)
    if _kernel(state, "model.0") == 4 or _kernel(state, "net.0") == 1:
        raise ModelError(
            "a discriminator, not a generator", hint="Give the generator's file, such as latest_net_G_A.pth."
        )
    if _kernel(state, "model.1") == 7:
        return _resnet_structure(state)
    raise ModelError(f"an unknown network, with weights such as {next(iter(state), 'none')}", hint=_SUPPORTED)


def _kernel(state: State, layer: str) -> int | None:
    weight = state.get(f"{layer}.weight")
    return weight.shape[-1] if weight is not None and weight.dim() == 4 else None


def _resnet_structure(state: State) -> ResNetConfig:
    blocks = {int(match[1]) for key in state if (match := re.match(r"model\.(\d+)\.conv_block\.", key))}
    first = min(blocks, default=10)
    convs = tuple(index for index in range(8) if _kernel(state, f"model.{first}.conv_block.{index}"))
    # The first convolution comes after a padding layer or none, the second after a dropout layer or none.
    layouts = {(1, 5): ("reflect", False), (1, 6): ("reflect", True), (0, 3): ("zero", False), (0, 4): ("zero", True)}
    if convs not in layouts:
        raise ModelError(f"residual blocks with convolutions at {convs}", hint=_SUPPORTED)
    padding, dropout = layouts[convs]
    return ResNetConfig(
        blocks=len(blocks),
        ngf=state["model.1.weight"].shape[0],
        affine="model.2.weight" in state,
        padding="reflect" if padding == "reflect" else "zero",
        dropout=dropout,
    )


def _unet_structure(state: State) -> UNetConfig:
    level = "model.model.1.model"
    downs = 2
    while any(key.startswith(f"{level}.3.model.") for key in state):
        level += ".3.model"
        downs += 1
    # Dropout comes last in a block and has no weights, so it leaves no trace.
    return UNetConfig(downs=downs, ngf=state["model.model.0.weight"].shape[0], affine=f"{level}.4.weight" in state)


def _resnet_layers(config: ResNetConfig) -> dict[str, str]:
    """Our layers' names to the reference's."""
    layers = {"stem.conv": "model.1", "stem.norm": "model.2"}
    for index in range(2):
        layers[f"down.{index}.conv"] = f"model.{4 + 3 * index}"
        layers[f"down.{index}.norm"] = f"model.{5 + 3 * index}"
    conv1 = 1 if config.padding == "reflect" else 0
    conv2 = 2 * conv1 + 3 + config.dropout
    for block in range(config.blocks):
        for ours, theirs in (("conv1", conv1), ("norm1", conv1 + 1), ("conv2", conv2), ("norm2", conv2 + 1)):
            layers[f"blocks.{block}.residual.{ours}"] = f"model.{10 + block}.conv_block.{theirs}"
    after = 10 + config.blocks
    for index in range(2):
        layers[f"up.{index}.conv"] = f"model.{after + 3 * index}"
        layers[f"up.{index}.norm"] = f"model.{after + 1 + 3 * index}"
    layers["head.conv"] = f"model.{after + 7}"
    return layers


def _unet_layers(config: UNetConfig) -> dict[str, str]:
    """Our layers' names to the reference's, which nests each level in the one above."""
    bottom = config.downs - 1
    layers = {"down.0.conv": "model.model.0", f"up.{bottom}.conv": "model.model.3"}
    nest = "model.model.1.model"
    for level in range(1, config.downs):
        up = f"up.{bottom - level}"
        conv, norm = (3, 4) if level == bottom else (5, 6)
        layers[f"down.{level}.conv"] = f"{nest}.1"
        layers[f"down.{level}.norm"] = f"{nest}.2"
        layers[f"{up}.conv"] = f"{nest}.{conv}"
        layers[f"{up}.norm"] = f"{nest}.{norm}"
        nest += ".3.model"
    return layers


def _fill(config: ResNetConfig | UNetConfig, state: State) -> Generator:
    layers = _resnet_layers(config) if isinstance(config, ResNetConfig) else _unet_layers(config)
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced
        net = build_generator(describe(config))
    ours: State = {}
    for key, expected in net.state_dict().items():
        layer, _, parameter = key.rpartition(".")
        theirs = f"{layers[layer]}.{parameter}"
        value = state.pop(theirs, None)
        if value is None:
            raise ModelError(f"{theirs} is missing for {_words(config)}", hint=_SUPPORTED)
        if value.shape != expected.shape:
            raise ModelError(
                f"{theirs} has shape {tuple(value.shape)}, but {_words(config)} has {tuple(expected.shape)}",
                hint=_SUPPORTED,
            )
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise ModelError(f"{theirs} holds values that are not finite numbers", hint="Use an earlier checkpoint.")
        ours[key] = value.float()
    if state:
        raise ModelError(f"{next(iter(state))} has no place in {_words(config)}", hint=_SUPPORTED)
    net.load_state_dict(ours, assign=True)
    return net.eval()


def _words(config: ResNetConfig | UNetConfig) -> str:
    if isinstance(config, ResNetConfig):
        return f"a ResNet of {config.blocks} blocks and {config.ngf} filters"
    return f"a U-Net of {config.downs} levels and {config.ngf} filters"
