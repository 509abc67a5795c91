"""Where models are found, and which one is meant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cgtool.errors import ModelError, UsageError
from cgtool.models.lookup import default_engines_dir, find_models, resolve, search_path
from tests.models.records import described, put


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, from which only the shipped models are found."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("CGTOOL_ENGINES", raising=False)
    return place


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
    put(tmp_path, described("one-way", ("cat", "tiger"), ("A_to_B",)))
    (put(tmp_path, described("broken", ("x", "y"))) / "model.json").write_text("{")
    with pytest.raises(UsageError, match=r"no model leads to 'cat'.*monet, photo, .*tiger.*Passed over .*broken"):
        resolve("cat", None, tmp_path)
    with pytest.raises(UsageError, match=r"does not lead to 'tiger'.*: monet, photo\."):
        resolve("tiger", "art", tmp_path)
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


def test_finding_models_imports_no_framework() -> None:
    script = "import sys, cgtool.tasks.models as m; m.list_models(None); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_synonym_leads_to_its_domain_unless_a_domain_is_called_so(elsewhere: Path) -> None:
    place = elsewhere / "engines"
    put(place, described("winter", ("grass", "winter")) | {"synonyms": {"winter": ["ice", "Snow"], "grass": ["lawn"]}})
    assert resolve("snow", None, place).target == "winter"
    assert resolve("LAWN", "winter", None).target == "grass"
    put(place, described("zz", ("soil", "snow")))
    assert resolve("snow", None, place).folder.name == "zz"
    with pytest.raises(UsageError, match="no model leads to 'mud'"):
        resolve("mud", None, place)


def test_shipped_models_have_synonyms() -> None:
    assert resolve("snow", None, None).folder.name == "summer2winter"
    assert resolve("impressionism", None, None).target == "monet"
