"""Model folders: what model.json must say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from cgtool.errors import ModelError
from cgtool.models.folder import (
    Defaults,
    Structure,
    checkpoint_key,
    engine_key,
    read_model_folder,
    to_json,
)
from tests.models.records import HASH, described, put


def test_model_json_is_read_and_written_back(tmp_path: Path) -> None:
    data = described("seasons", ("summer", "winter"))
    model = read_model_folder(put(tmp_path, data))
    assert model.directions == ("A_to_B", "B_to_A")
    assert [model.target(direction) for direction in model.directions] == ["winter", "summer"]
    assert (model.defaults.size, model.defaults.smooth, model.defaults.texture) == (286, 0.8, 0.25)
    assert json.loads(to_json(model)) == data


def test_a_direction_may_have_defaults_of_its_own(tmp_path: Path) -> None:
    own = {"size": 192, "smooth": 0.5, "texture": 1.0, "contrast": 0.3}
    data = {**described("seasons", ("summer", "winter")), "defaults_to": {"summer": own}}
    model = read_model_folder(put(tmp_path, data))
    assert model.defaults_of("A_to_B") == model.defaults
    assert model.defaults_of("B_to_A") == Defaults(192, 0.5, 1.0, 0.3)
    assert json.loads(to_json(model)) == data


def test_a_direction_may_have_a_network_of_its_own(tmp_path: Path) -> None:
    fast = {"type": "shuffle", "width": 4, "blocks": 1}
    own = {"architecture": fast, "stride": 8}
    data: dict[str, Any] = {**described("seasons", ("summer", "winter")), "network_to": {"summer": own}}
    model = read_model_folder(put(tmp_path, data))
    assert model.network_of("A_to_B") == model.network == Structure(data["architecture"], data["stride"])
    assert model.network_of("B_to_A") == Structure(fast, 8)
    assert json.loads(to_json(model)) == data
    plain = read_model_folder(put(tmp_path / "plain", described("seasons", ("summer", "winter"))))
    assert engine_key(model, "A_to_B") == engine_key(plain, "A_to_B")
    assert engine_key(model, "B_to_A") != engine_key(plain, "B_to_A")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": 2}, "format version 2.*Update cgtool"),
        ({"format_version": None}, "format version None"),
        ({"name": "../escape"}, "can't be a model's name"),
        ({"name": 3}, "name is 3"),
        ({"domains": ["summer"]}, "not two words"),
        ({"domains": ["summer", "Summer"]}, "both domains"),
        ({"domains": ["a/b", "c"]}, "can't be a domain"),
        ({"synonyms": {"summer": "green"}}, "not lists of words"),
        ({"synonyms": {"autumn": ["brown"]}}, "synonyms are of 'autumn'"),
        ({"synonyms": {"summer": ["Winter"]}}, "both domains"),
        ({"synonyms": {"summer": ["x"], "winter": ["X"]}}, "both domains"),
        ({"synonyms": {"summer": ["a/b"]}}, "can't be a domain"),
        ({"architecture": "resnet"}, "architecture is 'resnet'"),
        ({"format_version": True}, "format version True"),
        ({"format_version": 1.0}, r"format version 1\.0"),
        ({"stride": 0}, "stride is 0, not from 1 to 1024"),
        ({"stride": 10**9}, "stride is 1000000000, not from"),
        ({"training_scale": 8193}, "training_scale is 8193, not from 1 to 8192"),
        ({"training_scale": -(10**40)}, "training_scale is -1"),
        ({"training_scale": float("inf")}, "training_scale is inf"),
        ({"defaults": {"size": 10**9, "smooth": 1, "texture": 0}}, "size is 1000000000, not from 1 to 8192"),
        ({"defaults": {"size": 286.0, "smooth": 1, "texture": 0}}, r"size is 286\.0"),
        ({"defaults": {"size": 286, "smooth": "1", "texture": 0}}, "smooth is '1'"),
        ({"defaults": {"size": 286, "smooth": 1, "texture": 10**400}}, "texture is 1"),
        ({"defaults": {"size": 286, "smooth": 1, "texture": 0, "contrast": -0.1}}, r"contrast is -0\.1"),
        ({"defaults": [286, 1, 0]}, "defaults is"),
        ({"defaults_to": [286]}, "defaults_to is"),
        ({"defaults_to": {"winter": {"size": 0, "smooth": 1, "texture": 0}}}, "size is 0"),
        ({"defaults_to": {"autumn": {"size": 286, "smooth": 1, "texture": 0}}}, "not an object by domain"),
        ({"architecture": None}, "architecture is None"),
        ({"network_to": "resnet"}, "network_to is 'resnet'"),
        ({"network_to": {"autumn": {"architecture": {}, "stride": 4}}}, "not an object by domain"),
        ({"network_to": {"winter": {"architecture": {}}}}, "stride is None"),
        ({"network_to": {"winter": {"architecture": [], "stride": 4}}}, "architecture is \\[\\]"),
        ({"provenance": "x" * 10**6}, "provenance is 'x"),
        ({"weights": {"A_to_B": "A_to_B.safetensors"}}, "A_to_B is 'A_to_B.safetensors'"),
        ({"weights": {"A_to_B": {"file": "x" * 201, "sha256": HASH}}}, "not a plain name"),
        ({"training_scale": True}, "training_scale is True"),
        ({"weights": {}}, "weights are for nothing"),
        ({"weights": {"C_to_D": {}}}, "weights are for C_to_D"),
        ({"weights": {"A_to_B": {"file": "../x.safetensors", "sha256": HASH}}}, "not a plain name"),
        ({"weights": {"A_to_B": {"file": "x.safetensors", "sha256": "abc"}}}, "64 hexadecimal"),
        ({"weights": {"A_to_B": {"file": "absent.safetensors", "sha256": HASH}}}, "weights are missing"),
        ({"defaults": {"size": 286, "smooth": 2, "texture": 0}}, "smooth is 2"),
        ({"defaults": {"size": 286, "smooth": float("nan"), "texture": 0}}, "smooth is nan"),
        ({"defaults": {"size": 286, "smooth": 1}}, "texture is None"),
    ],
    ids=str,
)
def test_damaged_model_json_is_refused(change: dict[str, Any], reason: str, tmp_path: Path) -> None:
    path = put(tmp_path, described("seasons", ("summer", "winter")))
    (path / "model.json").write_text(json.dumps({**described("seasons", ("summer", "winter")), **change}))
    with pytest.raises(ModelError, match=reason) as caught:
        read_model_folder(path)
    assert str(path / "model.json") in str(caught.value) or str(path / "absent") in str(caught.value)
    assert caught.value.hint
    assert len(str(caught.value)) < 500


ODD_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    10**9,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\ud800",
    "x" * 5000,
    [],
    {},
]


def test_no_odd_value_anywhere_is_an_unexpected_error(tmp_path: Path) -> None:
    """Every field of the record takes every odd value in turn: it is read, or refused in our words."""
    path = put(tmp_path, described("seasons", ("summer", "winter")))
    described_once = described("seasons", ("summer", "winter"))
    places: list[tuple[str, ...]] = [(key,) for key in described_once]
    places += [("defaults", key) for key in (*described_once["defaults"], "contrast")]
    places += [("weights", "A_to_B"), ("weights", "A_to_B", "file"), ("weights", "A_to_B", "sha256")]
    refused = []
    for *outer, last in places:
        for value in [*ODD_VALUES, [[]], {"A_to_B": None}]:
            data = described("seasons", ("summer", "winter"))
            inner = data
            for key in outer:
                inner = inner[key]
            inner[last] = value
            (path / "model.json").write_text(json.dumps(data))
            try:
                to_json(read_model_folder(path))
            except ModelError as error:
                refused.append(str(error))
    assert max(map(len, refused)) < 500
    assert len(refused) > 0.8 * len(places) * len(ODD_VALUES)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000], ids=["empty", "cut", "[]", "bytes", "deep"]
)
def test_model_json_that_is_no_object_is_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(text)
    with pytest.raises(ModelError, match="JSON"):
        read_model_folder(tmp_path)


def test_folder_without_model_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model\.json"):
        read_model_folder(tmp_path)


def test_keys_follow_structure_weights_and_direction(tmp_path: Path) -> None:
    data = described("art", ("photo", "monet"))
    data["weights"]["B_to_A"]["sha256"] = "1" * 64
    model = read_model_folder(put(tmp_path, data))
    data["architecture"]["blocks"] = 9
    deeper = read_model_folder(put(tmp_path, data, folder="deeper"))
    keys = {engine_key(m, direction) for m in (model, deeper) for direction in m.directions}
    assert len(keys) == 4
    assert checkpoint_key(HASH) not in keys
    assert checkpoint_key(HASH) != checkpoint_key("1" * 64)
    # Spelled out: engines that users compiled stay valid until the graph's version changes.
    text = f'{{"architecture":{{"blocks":6,"type":"resnet"}},"graph":2,"weights":"{HASH}"}}'
    assert engine_key(model, "A_to_B") == hashlib.sha256(text.encode()).hexdigest()
