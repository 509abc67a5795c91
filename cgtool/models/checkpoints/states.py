"""Finds a generator's weights in what a checkpoint file holds: bare or nested, with prefixes, averaged, spectral."""

from __future__ import annotations

import argparse
import io
import pickle
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from cgtool.config import Direction
from cgtool.errors import ModelError, first_line

State = dict[str, Tensor]

SUPPORTED = "Supported are the ResNet and U-Net generators of the PyTorch CycleGAN with instance normalization."
# What torch.save writes: a ZIP archive, or before PyTorch 1.6 a pickle.
_MAGIC = (b"PK", b"\x80")
_HARMLESS: list[Callable[..., object] | tuple[Callable[..., object], str]] = [argparse.Namespace]
"""Beside tensors and plain values, what trainers put into their checkpoints; making one runs nothing."""
_PARALLEL = r"^(module\.|_orig_mod\.)+"
_ANCHORS = (("model.1.weight", 7), ("model.model.0.weight", 4), ("stem.conv.weight", 7), ("down.0.conv.weight", 4))
"""A generator's first convolution, by name and kernel: the reference's ResNet and U-Net, and cgtool's own."""
_AVERAGED = re.compile(r"ema|averaged?|avg", re.IGNORECASE)
_DIRECTION = re.compile(r"(?P<A_to_B>a2b|a_to_b|ab)$|(?P<B_to_A>b2a|b_to_a|ba)$|(?P<A>a)$|(?P<B>b)$", re.IGNORECASE)
"""How trainers name both generators: genA2B and genB2A, G_AB and G_BA, netG_A and netG_B."""
_ONE = "Import both (cgtool models import FILE FILE --domains A,B), or save the one that you want in a file of its own."
_DEEPEST = 6


def read_bytes(path: Path) -> bytes:
    """A checkpoint file's bytes.

    Raises:
        ModelError: It can't be read, or is neither PyTorch's nor safetensors'.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "Give the path of a .pth, .ckpt or .safetensors file."
        raise ModelError(f"can't be read: {reason}", path=path, hint=hint) from error
    if not data:
        raise ModelError("the file is empty", path=path, hint="Copy or download it again.")
    if not data.startswith(_MAGIC) and not _is_safetensors(data):
        raise ModelError("not a PyTorch checkpoint", path=path, hint=SUPPORTED)
    return data


def unpack(data: bytes) -> object:
    """What the bytes of a checkpoint hold. Runs no code that lies in them.

    Raises:
        ModelError: They are damaged, or hold what could run code.
    """
    if _is_safetensors(data):
        try:
            return safetensors.torch.load(data)
        except Exception as error:  # of many types, as damage is
            raise ModelError("truncated or damaged", hint="Copy or download it again.") from error
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_HARMLESS):
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
        said = f" ({first_line(error).split('. ')[0]})" if isinstance(error, RuntimeError) else ""
        raise ModelError(f"truncated or damaged{said}", hint="Copy or download it again.") from error


def _is_safetensors(data: bytes) -> bool:
    """Safetensors begin with the length of a JSON header, in 8 bytes, and that header."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") < max(len(data), 100_000_000)


def find_state(loaded: object, direction: Direction | None = None) -> State:
    """The one generator's tensors by name, without what was wrapped around them.

    Averaged weights (EMA) are taken rather than the last ones.

    Args:
        loaded: What `unpack` gave.
        direction: Which generator is wanted, where there is one for each.

    Raises:
        ModelError: There is none, or there are several and nothing says which one is wanted.
    """
    plain = {path: _without_parallel(tensors) for path, tensors in _mappings(loaded)}
    if not plain:
        raise ModelError(f"holds no network's weights{_contents(loaded)}", hint=SUPPORTED)
    found = {name: state for path, tensors in plain.items() for name, state in _generators(path, tensors)}
    if not found:
        # Some other network, whose names tell what it is.
        return _no_spectral(max(plain.values(), key=len))
    averaged = {name: state for name, state in found.items() if _AVERAGED.search(name)}
    found = averaged or found
    if len(found) > 1 and direction is not None:
        found = {name: state for name, state in found.items() if _direction_of(name) == direction} or found
    if len(found) > 1:
        names = ", ".join(sorted(found))
        raise ModelError(f"holds several generators: {names}", hint=_ONE)
    return _no_spectral(next(iter(found.values())))


def _direction_of(name: str) -> str | None:
    said = _DIRECTION.search(_AVERAGED.sub("", name).strip("._"))
    return (
        None
        if said is None or said.lastgroup is None
        else {"A": "A_to_B", "B": "B_to_A"}.get(said.lastgroup, said.lastgroup)
    )


def _mappings(loaded: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, State]]:
    """Every dictionary of tensors, however deep, by its path."""
    if not isinstance(loaded, Mapping) or depth > _DEEPEST:
        return
    tensors = {str(key): value for key, value in loaded.items() if isinstance(value, Tensor)}
    if tensors:
        yield path, tensors
    for key, value in loaded.items():
        yield from _mappings(value, f"{path}.{key}" if path else str(key), depth + 1)


def _without_parallel(tensors: State) -> State:
    return {re.sub(_PARALLEL, "", key): value for key, value in tensors.items()}


def _generators(path: str, tensors: State) -> Iterator[tuple[str, State]]:
    """Each generator in a flat dictionary, which a trainer may have put under a prefix such as ``netG_A.``."""
    for anchor, kernel in _ANCHORS:
        for key, value in tensors.items():
            first = _plain_name(key)
            prefix = first.removesuffix(anchor)
            if (
                prefix == first
                or (prefix and not prefix.endswith("."))
                or value.dim() != 4
                or value.shape[-1] != kernel
            ):
                continue
            state = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
            yield ".".join(filter(None, (path, prefix.strip(".")))), _without_parallel(state)


def _plain_name(key: str) -> str:
    """Of a weight under spectral normalization, its name without."""
    return re.sub(r"weight_orig$|parametrizations\.weight\.original$", "weight", key)


def _no_spectral(state: State) -> State:
    """Weights divided by their largest singular value, as spectral normalization does when it runs (Miyato 2018)."""
    plain: State = {}
    for key, value in state.items():
        name = _plain_name(key)
        if name == key:
            if not re.search(r"weight_[uv]$|parametrizations\.weight\.0\._[uv]$", key):
                plain[key] = value
            continue
        layer = name.removesuffix("weight")
        u, v = (_either(state, f"{layer}weight_{x}", f"{layer}parametrizations.weight.0._{x}") for x in "uv")
        if u is None or v is None:
            raise ModelError(f"{key} lacks the vectors of its spectral normalization", hint=SUPPORTED)
        # Normalized is a matrix with a row for each output, which a transposed convolution has second.
        rows = value if value.shape[0] == len(u) else value.transpose(0, 1)
        plain[name] = value / torch.dot(u.float(), rows.reshape(len(u), -1).float() @ v.float())
    return plain


def _either(state: State, *names: str) -> Tensor | None:
    return next((state[name] for name in names if name in state), None)


def _contents(loaded: object) -> str:
    if not isinstance(loaded, Mapping):
        return f", but a {type(loaded).__name__}"
    return f", but {', '.join(map(str, list(loaded)[:6]))}" if loaded else ""
