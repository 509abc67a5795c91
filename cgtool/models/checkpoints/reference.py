"""Reads generators that the reference PyTorch CycleGAN wrote (``latest_net_G_A.pth``), and those of its kin.

The structure is read off the keys, so no option file is needed. The reference numbers the layers of one long
``nn.Sequential``; `_resnet_layers` and `_unet_layers` say which number each of our layers has there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch

from cgtool.config import Direction
from cgtool.errors import ModelError
from cgtool.models.architecture import Generator, build_generator, describe
from cgtool.models.checkpoints.states import SUPPORTED, State, find_state, read_bytes, unpack
from cgtool.models.resnet import ResNetConfig
from cgtool.models.unet import UNetConfig
from cgtool.pictures import LUMA

_FIRST = ("stem.conv", "down.0.conv")
_RUNNING_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")


def read_generator(path: Path, direction: Direction | None = None) -> tuple[Generator, bytes]:
    """Read a generator checkpoint.

    Args:
        path: A file of `torch.save` or of safetensors that holds a generator's ``state_dict``, bare or nested, under a
            prefix or none (see `cgtool.models.checkpoints.states`).
        direction: Which generator is wanted, where the file holds both.

    Returns:
        The generator in eval mode, FP32, on the CPU, and the file's bytes.

    Raises:
        ModelError: The file is missing, damaged or not a generator of a supported structure.
    """
    data = read_bytes(path)
    try:
        state = _cleaned(find_state(unpack(data), direction))
        config = _structure(state)
        return _fill(config, state), data
    except ModelError as error:
        raise ModelError(error.message, path=path, hint=error.hint) from error.__cause__


def _cleaned(state: State) -> State:
    """Without what instance normalization ignores, under the reference's names."""
    for key in state:
        norm = key.removesuffix(".running_mean")
        if norm != key and f"{norm}.weight" in state:
            raise ModelError("uses batch normalization", hint=SUPPORTED)
    return {
        # vintagify calls a residual block's layers block where the reference calls them conv_block.
        re.sub(r"^(model\.\d+)\.block\.", r"\1.conv_block.", key): value
        for key, value in state.items()
        # PyTorch before 0.4 saved running statistics for instance normalization, though it did not use them.
        if not key.endswith(_RUNNING_STATISTICS)
    }


def _structure(state: State) -> ResNetConfig | UNetConfig:
    if any(key.endswith(".filt") for key in state):
        raise ModelError("an anti-aliased generator (as CUT writes them)", hint=SUPPORTED)
    if _kernel(state, "stem.conv") == 7 or _kernel(state, "down.0.conv") == 4:
        return _own_structure(state)
    if _kernel(state, "model.model.0") == 4:
        return _unet_structure(state)
    if _kernel(state, "model.0") == 4 or _kernel(state, "net.0") == 1:
        raise ModelError(
            "a discriminator, not a generator", hint="Give the generator's file, such as latest_net_G_A.pth."
        )
    if _kernel(state, "model.1") == 7:
        return _resnet_structure(state)
    raise ModelError(f"an unknown network, with weights such as {next(iter(state), 'none')}", hint=SUPPORTED)


def _own_structure(state: State) -> ResNetConfig | UNetConfig:
    """Of cgtool's own names. The border's padding leaves no trace: it is taken to be the reference's."""
    if "stem.conv.weight" not in state:
        downs = len({key.split(".")[1] for key in state if key.startswith("down.")})
        return UNetConfig(downs=downs, ngf=state["down.0.conv.weight"].shape[0], affine="down.1.norm.weight" in state)
    first_up = state.get("up.0.conv.weight")
    transposed = first_up is None or first_up.shape[0] > first_up.shape[1]
    return ResNetConfig(
        blocks=len({key.split(".")[1] for key in state if key.startswith("blocks.")}),
        ngf=state["stem.conv.weight"].shape[0],
        affine="down.0.norm.weight" in state,
        stem_norm="stem.norm.weight" in state or "down.0.norm.weight" not in state,
        upsample="transposed" if transposed else "resize",
    )


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
        raise ModelError(f"residual blocks with convolutions at {convs}", hint=SUPPORTED)
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
    if any(f"{ours}.weight" in state for ours in ("stem.conv", "down.0.conv")):
        layers = {ours: ours for ours in layers}
    _for_rgb(state, layers)
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced
        net = build_generator(describe(config))
    ours: State = {}
    for key, expected in net.state_dict().items():
        layer, _, parameter = key.rpartition(".")
        theirs = f"{layers[layer]}.{parameter}"
        value = state.pop(theirs, None)
        if value is None:
            raise ModelError(f"{theirs} is missing for {_words(config)}", hint=SUPPORTED)
        if value.shape != expected.shape:
            raise ModelError(
                f"{theirs} has shape {tuple(value.shape)}, but {_words(config)} has {tuple(expected.shape)}",
                hint=SUPPORTED,
            )
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise ModelError(f"{theirs} holds values that are not finite numbers", hint="Use an earlier checkpoint.")
        ours[key] = value.float()
    if state:
        raise ModelError(f"{next(iter(state))} has no place in {_words(config)}", hint=SUPPORTED)
    net.load_state_dict(ours, assign=True)
    return net.eval()


def _for_rgb(state: State, layers: Mapping[str, str]) -> None:
    """Make a network of gray pictures one of RGB, exactly: it sees their luma, and gives all channels its result."""
    first, last = (next(layers[name] for name in names if name in layers) for names in (_FIRST, _last(layers)))
    seen = state.get(f"{first}.weight")
    if seen is not None and seen.dim() == 4 and seen.shape[1] == 1:
        state[f"{first}.weight"] = torch.cat([seen * share for share in LUMA], 1)
    given, bias = state.get(f"{last}.weight"), state.get(f"{last}.bias")
    if given is not None and bias is not None and len(bias) == 1:
        transposed = given.shape[0] != 1
        state[f"{last}.weight"] = given.repeat(1, 3, 1, 1) if transposed else given.repeat(3, 1, 1, 1)
        state[f"{last}.bias"] = bias.repeat(3)


def _last(layers: Mapping[str, str]) -> tuple[str, ...]:
    levels = sum(name.startswith("up.") and name.endswith(".conv") for name in layers)
    return "head.conv", f"up.{levels - 1}.conv"


def _words(config: ResNetConfig | UNetConfig) -> str:
    if isinstance(config, ResNetConfig):
        return f"a ResNet of {config.blocks} blocks and {config.ngf} filters"
    return f"a U-Net of {config.downs} levels and {config.ngf} filters"
