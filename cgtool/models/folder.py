"""Model folders: reading and writing `model.json`. Imports no framework.

A model folder holds `model.json` and a safetensors file for each direction; compiled engines may lie beside them::

    engines/summer2winter/
        model.json               format version, name, domains, architecture, provenance, SHA-256 of the weights
        A_to_B.safetensors       the paper's G: from domains[0] to domains[1]
        B_to_A.safetensors       the paper's F
"""

from __future__ import annotations

import hashlib
import json
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from cgtool.config import DIRECTIONS, Direction
from cgtool.errors import ModelError, UsageError
from cgtool.models.names import check_names

MODEL_FILE = "model.json"
FORMAT_VERSION = 1
GRAPH_VERSION = 2
"""Part of every engine's key. Raise it when what is exported around the network (padding, rounding) changes."""

LARGEST_SIZE = 8192
"""Sizes and scales in `model.json` beyond this many pixels are damage: no frame is that large on its short side."""
_LARGEST_STRIDE = 1024
_LONGEST_FILE_NAME = 200

_T = TypeVar("_T")
_IMPORT_HINT = "Make a model folder with `cgtool models import` or `cgtool train`."
_COPY_HINT = "Copy the model folder again, or import or train the model again."


@dataclass(frozen=True)
class WeightFile:
    """One direction's weights.

    Attributes:
        file: Name of the safetensors file in the model folder.
        sha256: SHA-256 of its bytes, 64 hexadecimal digits.
    """

    file: str
    sha256: str


@dataclass(frozen=True)
class Defaults:
    """Settings of conversion, unless told otherwise.

    Attributes:
        size: The network's short side, in pixels.
        smooth: Temporal smoothing, 0 to 1.
        texture: Share of the network's own texture that is added to the source's detail, 0 to 1. Seasons want little
            of it, brush strokes most.
        contrast: Share of the source's contrast that every place keeps at least, 0 to 1; None for guided detail's own,
            right for networks that were not trained through it.
    """

    size: int
    smooth: float = 0.8
    texture: float = 0.0
    contrast: float | None = None


@dataclass(frozen=True)
class Structure:
    """A generator's structure.

    Attributes:
        architecture: For `cgtool.models.architecture.build_generator`.
        stride: It takes heights and widths that are multiples of this, in pixels.
    """

    architecture: Mapping[str, object]
    stride: int


@dataclass(frozen=True)
class ModelFolder:
    """A model folder's contents, but for the weights themselves.

    Attributes:
        path: The folder.
        name: Its name for ``--model``.
        domains: (A, B), as ``--to`` calls them.
        network: The generators' structure, unless a direction has its own.
        training_scale: Short side in pixels after the training's resize and before its crop.
        provenance: Where the weights come from, as JSON-able data.
        weights: Files by direction; one direction may be absent.
        defaults: Settings of conversion, unless told otherwise.
        synonyms: Other names that ``--to`` knows a domain by, by domain.
        defaults_to: The same as ``defaults`` of directions that have their own, by the domain that they lead to.
        network_to: The same as ``network``, likewise: directions need not have been trained together.
    """

    path: Path
    name: str
    domains: tuple[str, str]
    network: Structure
    training_scale: int
    provenance: Mapping[str, object]
    weights: Mapping[Direction, WeightFile]
    defaults: Defaults
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defaults_to: Mapping[str, Defaults] = field(default_factory=dict)
    network_to: Mapping[str, Structure] = field(default_factory=dict)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions that have weights."""
        return tuple(direction for direction in DIRECTIONS if direction in self.weights)

    def target(self, direction: Direction) -> str:
        """The domain that a direction leads to."""
        return self.domains[1] if direction == "A_to_B" else self.domains[0]

    def defaults_of(self, direction: Direction) -> Defaults:
        """A direction's settings of conversion, unless told otherwise."""
        return self.defaults_to.get(self.target(direction), self.defaults)

    def network_of(self, direction: Direction) -> Structure:
        """A direction's structure."""
        return self.network_to.get(self.target(direction), self.network)


def read_model_folder(path: Path) -> ModelFolder:
    """Read and check a model folder's `model.json`. The weights must be there but are not read.

    Raises:
        ModelError: The folder or a file is missing, or `model.json` is damaged or of a newer format.
    """
    file = path / MODEL_FILE
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError("no model.json in this folder", path=path, hint=_IMPORT_HINT) from error
    except OSError as error:
        raise ModelError(f"can't be read: {error.strerror}", path=file, hint="Check its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"not valid JSON: {error}", path=file, hint=_COPY_HINT) from error
    # Whatever the record holds is checked here, once: the rooms that use it need not doubt it.
    try:
        model = _parse(path, data)
        check_names(model.name, model.domains, model.synonyms)
    except (ModelError, UsageError) as error:
        raise ModelError(error.message, path=file, hint=error.hint or _COPY_HINT) from None
    for weight in model.weights.values():
        if not (path / weight.file).is_file():
            raise ModelError("the weights are missing", path=path / weight.file, hint=_COPY_HINT)
    return model


def to_json(model: ModelFolder) -> str:
    """The text of the folder's `model.json`; `read_model_folder` reads it back."""
    # The order is for human readers: what it is first, where it comes from, at length, last.
    data = {
        "format_version": FORMAT_VERSION,
        "name": model.name,
        "domains": model.domains,
        **({"synonyms": dict(model.synonyms)} if model.synonyms else {}),
        **asdict(model.network),
        **told_by_target("network_to", model.network_to),
        "training_scale": model.training_scale,
        "weights": {direction: asdict(model.weights[direction]) for direction in model.directions},
        "defaults": _told(model.defaults),
        **told_by_target("defaults_to", model.defaults_to),
        "provenance": dict(model.provenance),
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def told_by_target(key: str, own: Mapping[str, Defaults] | Mapping[str, Structure]) -> dict[str, object]:
    """What directions have of their own, as `model.json` has it under this key: nothing if none has."""
    return {key: {to: _told(one) for to, one in own.items()}} if own else {}


def _told(part: Defaults | Structure) -> dict[str, object]:
    return {key: value for key, value in asdict(part).items() if value is not None}


def engine_key(model: ModelFolder, direction: Direction) -> str:
    """Identifies one generator for caches of compiled engines: SHA-256 over structure, weights and `GRAPH_VERSION`."""
    return _key(
        {"architecture": dict(model.network_of(direction).architecture), "weights": model.weights[direction].sha256}
    )


def checkpoint_key(sha256: str) -> str:
    """As `engine_key`, for a bare ``.pth`` file with this SHA-256."""
    return _key({"checkpoint": sha256})


def check_record(model: ModelFolder) -> None:
    """Refuse a record that `read_model_folder` would refuse once it is written.

    Raises:
        ModelError: A size is out of range, say.
    """
    _parse(model.path, json.loads(to_json(model)))


def _parse(path: Path, data: object) -> ModelFolder:
    if not isinstance(data, dict):
        raise ModelError("not a JSON object")
    version = data.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:  # JSON's true equals 1
        hint = "Update cgtool." if isinstance(version, int) and version > FORMAT_VERSION else None
        raise ModelError(f"format version {reprlib.repr(version)}, where this cgtool reads {FORMAT_VERSION}", hint=hint)
    domains = _get(data, "domains", list)
    if len(domains) != 2 or not all(isinstance(domain, str) for domain in domains):
        raise ModelError(f"domains are {reprlib.repr(domains)}, not two words")
    return ModelFolder(
        path=path,
        name=_get(data, "name", str),
        domains=(domains[0], domains[1]),
        network=_network(data),
        training_scale=_pixels(data, "training_scale", LARGEST_SIZE),
        provenance=_get(data, "provenance", dict),
        weights=_weights(_get(data, "weights", dict)),
        defaults=_defaults(_get(data, "defaults", dict)),
        synonyms=_synonyms(data.get("synonyms", {})),
        defaults_to=_by_target("defaults_to", domains, data, _defaults),
        network_to=_by_target("network_to", domains, data, _network),
    )


def _network(data: Mapping[str, object]) -> Structure:
    return Structure(_get(data, "architecture", dict), _pixels(data, "stride", _LARGEST_STRIDE))


def _synonyms(data: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(data, dict) or not all(
        isinstance(words, list) and all(isinstance(word, str) for word in words) for words in data.values()
    ):
        raise ModelError(f"synonyms are {reprlib.repr(data)}, not lists of words by domain")
    return {domain: tuple(words) for domain, words in data.items()}


def _defaults(data: dict[str, object]) -> Defaults:
    return Defaults(
        size=_pixels(data, "size", LARGEST_SIZE),
        smooth=_unit(data, "smooth"),
        texture=_unit(data, "texture"),
        contrast=None if data.get("contrast") is None else _unit(data, "contrast"),
    )


def _by_target(
    key: str, domains: list[str], data: Mapping[str, object], parse: Callable[[dict[str, object]], _T]
) -> dict[str, _T]:
    """What directions have of their own, by the domain that they lead to."""
    given = data.get(key, {})
    if not isinstance(given, dict) or not set(given) <= set(domains):
        raise ModelError(f"{key} is {reprlib.repr(given)}, not an object by domain")
    return {domain: parse(_get(given, domain, dict)) for domain in given}


def _weights(data: dict[str, object]) -> dict[Direction, WeightFile]:
    if not data or not set(data) <= set(DIRECTIONS):
        given = ", ".join(data)[:80] or "nothing"
        raise ModelError(f"weights are for {given}, not {' or '.join(DIRECTIONS)}")
    weights: dict[Direction, WeightFile] = {}
    for direction in data:
        entry = _get(data, direction, dict)
        weight = WeightFile(_get(entry, "file", str), _get(entry, "sha256", str))
        if not re.fullmatch(r"[\w-][\w.-]*", weight.file) or len(weight.file.encode()) > _LONGEST_FILE_NAME:
            raise ModelError(f"the weights' file is {reprlib.repr(weight.file)}, not a plain name")
        if not re.fullmatch(r"[0-9a-f]{64}", weight.sha256):
            raise ModelError(f"the weights' sha256 is {reprlib.repr(weight.sha256)}, not 64 hexadecimal digits")
        weights[cast(Direction, direction)] = weight
    return weights


def _get(data: Mapping[str, object], key: str, kind: type[_T]) -> _T:
    value = data.get(key)
    if type(value) is not kind:  # Not isinstance: JSON's true is no number.
        raise ModelError(f"{key} is {reprlib.repr(value)}, not of type {kind.__name__}")
    return value


def _pixels(data: Mapping[str, object], key: str, most: int) -> int:
    value = _get(data, key, int)
    if not 1 <= value <= most:
        raise ModelError(f"{key} is {reprlib.repr(value)}, not from 1 to {most}")
    return value


def _unit(data: Mapping[str, object], key: str) -> float:
    value = data.get(key)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ModelError(f"{key} is {reprlib.repr(value)}, not a number from 0 to 1")
    return float(value)


def _key(facts: dict[str, object]) -> str:
    text = json.dumps({**facts, "graph": GRAPH_VERSION}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
