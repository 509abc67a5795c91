"""Model folders: what model.json must say, where models are found, and which one is meant."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cgtool.errors import ModelError, UsageError
from cgtool.models.folder import check_domains, check_name, checkpoint_key, engine_key, read_model_folder, to_json
from cgtool.models.lookup import default_engines_dir, find_models, resolve, search_path

HASH = "0" * 64


def described(
    name: str, domains: tuple[str, str], directions: tuple[str, ...] = ("A_to_B", "B_to_A")
) -> dict[str, Any]:
    return {
        "format_version": 1,
        "name": name,
        "domains": list(domains),
        "architecture": {"type": "resnet", "blocks": 6},
        "stride": 4,
        "training_scale": 286,
        "weights": {direction: {"file": f"{direction}.safetensors", "sha256": HASH} for direction in directions},
        "defaults": {"size": 286, "smooth": 0.8, "texture": 0.25},
        "provenance": {"note": "made for a test"},
    }


def put(place: Path, data: dict[str, Any], *, folder: str | None = None) -> Path:
    path = place / (folder or data["name"])
    path.mkdir(parents=True)
    (path / "model.json").write_text(json.dumps(data))
    for direction in data["weights"]:
        (path / f"{direction}.safetensors").touch()
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, from which only the shipped models are found."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("CGTOOL_ENGINES", raising=False)
    return place


def test_model_json_is_read_and_written_back(tmp_path: Path) -> None:
    data = described("seasons", ("summer", "winter"))
    model = read_model_folder(put(tmp_path, data))
    assert model.directions == ("A_to_B", "B_to_A")
    assert [model.target(direction) for direction in model.directions] == ["winter", "summer"]
    assert (model.defaults.size, model.defaults.smooth, model.defaults.texture) == (286, 0.8, 0.25)
    assert json.loads(to_json(model)) == data


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
        ({"architecture": None}, "architecture is None"),
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


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "end.", "white space", "a\n", "x" * 101])
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)
    with pytest.raises(UsageError):
        check_domains((name, "winter"))


def test_names_and_domains_of_other_scripts_are_welcome() -> None:
    check_name("été-hiver.v2")
    check_domains(("夏", "冬"))


def test_places_are_searched_in_order_and_once(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = search_path(None)
    assert [path.name for path in shipped] == ["engines"]
    given, environment = tmp_path / "given", tmp_path / "environment"
    for place in (given, environment, elsewhere / "engines"):
        place.mkdir()
    monkeypatch.setenv("CGTOOL_ENGINES", str(environment))
    assert search_path(given) == [given, environment, Path("engines"), *shipped]
    assert search_path(elsewhere / "engines") == [elsewhere / "engines", environment, *shipped]
    monkeypatch.setenv("CGTOOL_ENGINES", str(tmp_path / "absent"))
    assert search_path(None) == [Path("engines"), *shipped]
    with pytest.raises(UsageError, match="no folder"):
        search_path(tmp_path / "absent")


def test_new_models_go_to_the_first_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_engines_dir(None) == Path("engines")
    monkeypatch.setenv("CGTOOL_ENGINES", "/somewhere")
    assert default_engines_dir(None) == Path("/somewhere")
    assert default_engines_dir(Path("here")) == Path("here")


def test_the_first_of_a_name_wins_and_damage_is_reported(tmp_path: Path, elsewhere: Path) -> None:
    first, second = tmp_path / "given", elsewhere / "engines"
    put(first, described("art", ("photo", "monet")))
    put(second, described("art", ("photo", "cezanne")))
    put(second, described("horses", ("horse", "zebra")))
    (put(first, described("broken", ("x", "y"))) / "model.json").write_text("{")
    (first / ".art.1.part" / "new").mkdir(parents=True)
    (first / "notes").mkdir()
    models, problems = find_models(first)
    assert {model.name: model.domains[1] for model in models}["art"] == "monet"
    assert "horses" in {model.name for model in models}
    assert [problem.path for problem in problems] == [str(first / "broken" / "model.json")]


def test_a_domain_picks_model_and_direction(tmp_path: Path) -> None:
    put(tmp_path, described("art", ("photo", "monet")))
    put(tmp_path, described("late", ("photo", "monet")))
    put(tmp_path, described("one-way", ("horse", "zebra"), ("A_to_B",)))
    choice = resolve("Monet", None, tmp_path)
    assert (choice.folder.name, choice.direction, choice.target) == ("art", "A_to_B", "monet")
    choice = resolve("photo", None, tmp_path)
    assert (choice.folder.name, choice.direction, choice.target) == ("art", "B_to_A", "photo")
    choice = resolve("photo", "late", tmp_path)
    assert (choice.folder.name, choice.direction) == ("late", "B_to_A")
    choice = resolve(None, "one-way", tmp_path)
    assert (choice.direction, choice.target) == ("A_to_B", "zebra")
    choice = resolve("monet", str(tmp_path / "late"), None)
    assert (choice.folder.name, choice.direction) == ("late", "A_to_B")


def test_requests_that_no_model_meets_say_what_is_known(tmp_path: Path) -> None:
    put(tmp_path, described("art", ("photo", "monet")))
    put(tmp_path, described("one-way", ("horse", "zebra"), ("A_to_B",)))
    (put(tmp_path, described("broken", ("x", "y"))) / "model.json").write_text("{")
    with pytest.raises(UsageError, match=r"no model leads to 'horse'.*monet, photo, zebra.*Passed over .*broken"):
        resolve("horse", None, tmp_path)
    with pytest.raises(UsageError, match=r"does not lead to 'zebra'.*: monet, photo\."):
        resolve("zebra", "art", tmp_path)
    with pytest.raises(UsageError, match=r"not given.*: monet, photo\."):
        resolve(None, "art", tmp_path)
    with pytest.raises(UsageError, match="not given"):
        resolve(None, None, tmp_path)
    with pytest.raises(UsageError, match=r"called 'absent'.*art, one-way"):
        resolve("monet", "absent", tmp_path)
    with pytest.raises(ModelError, match="not valid JSON"):
        resolve("x", "broken", tmp_path)
    with pytest.raises(ModelError, match=r"no model\.json"):
        resolve("x", str(tmp_path), tmp_path)


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


def test_finding_models_imports_no_framework() -> None:
    script = "import sys, cgtool.tasks.models as m; m.list_models(None); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
