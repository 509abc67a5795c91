"""cgtool from Python, as the README shows it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import cgtool
from cgtool.conversion.events import Advanced, EngineOpened, Finished, Started
from cgtool.conversion.request import ConvertRequest
from tests.helpers.samples import numbered, numbers
from tests.tasks.test_join import unjoined as unjoined
from tests.training.data.toy import write_domains

README = Path(__file__).parents[1] / "README.md"


def section(title: str) -> str:
    """The Python code of a section of the README."""
    text = README.read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.new("RGB", (96, 64), "green").save(path)
    return path


def test_the_readmes_code_runs(bikes: Path, tmp_path: Path) -> None:
    (tmp_path / "summer.mp4").write_bytes(bikes.read_bytes())
    code = section("From Python")
    assert code.count("cgtool.convert") >= 2
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert (tmp_path / "summer.winter.mp4").is_file()
    assert "converted summer.winter.mp4" in done.stdout


@pytest.mark.slow
def test_the_readmes_code_is_typed(tmp_path: Path) -> None:
    path = tmp_path / "readme.py"
    path.write_text(section("From Python"))
    check = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run([*check, "--follow-imports", "silent", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_results_are_returned_and_a_failure_is_one(photo: Path, tmp_path: Path) -> None:
    done, failed = cgtool.convert([photo, tmp_path / "absent.png"], to="winter", engine="identity")
    assert (done.status, done.output) == ("converted", str(photo.with_name("photo.winter.png")))
    assert (failed.status, failed.error) == ("failed", f"{tmp_path / 'absent.png'}: no such file")


def test_events_are_told(tmp_path: Path) -> None:
    clip = numbered(tmp_path / "a.mp4", 5)
    happened = list(cgtool.convert_events(clip, to="winter", engine="identity", output=tmp_path / "b.mkv"))
    assert {type(event) for event in happened} == {Started, EngineOpened, Advanced, Finished}


def test_wrong_usage_is_raised_before_the_first_event(photo: Path) -> None:
    with pytest.raises(cgtool.UsageError, match="mars"):
        cgtool.convert_events(photo, to="mars")
    with pytest.raises(cgtool.UsageError, match="--smooth"):
        cgtool.convert(photo, to="winter", smooth=3)
    with pytest.raises(TypeError, match="nonsense"):
        cgtool.convert(photo, nonsense=1)  # type: ignore[call-arg]
    assert issubclass(cgtool.UsageError, cgtool.CgtoolError)


def test_a_model_can_be_chosen_once(photo: Path) -> None:
    model = cgtool.choose_model("winter")
    assert isinstance(model, cgtool.Model)
    [result] = cgtool.convert(photo, model=model, engine="identity")
    assert result.status == "converted"


def test_help_shows_the_real_parameters() -> None:
    for function in (cgtool.convert, cgtool.convert_events):
        assert list(inspect.signature(function).parameters) == list(inspect.signature(ConvertRequest).parameters)
    assert {"data", "domains", "name", "preset"} <= set(inspect.signature(cgtool.train).parameters)
    assert set(cgtool.__all__) <= set(dir(cgtool))
    with pytest.raises(AttributeError, match="nonsense"):
        cgtool.nonsense  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("before", ["import cgtool", "import cgtool.models.folder", "import cgtool.api"])
def test_models_are_listed_although_a_package_has_the_name(before: str) -> None:
    code = f"{before}; import cgtool; print(*[row.model.name for row in cgtool.models()])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"summer2winter", "photo2monet"} <= set(done.stdout.split())
    assert "torch" not in done.stderr


def test_measuring(tmp_path: Path) -> None:
    clip = numbered(tmp_path / "a.mp4", 5)
    figures = cgtool.measure(clip, clip)
    assert figures.change == 0
    assert len(list(cgtool.measure_events(clip, clip))) == 5
    with pytest.raises(cgtool.CgtoolError, match="absent"):
        cgtool.measure(clip, tmp_path / "absent.mp4")


def test_joining(unjoined: Path) -> None:
    joined = cgtool.join(unjoined)
    assert (joined.frames, joined.segments, joined.warnings) == (30, 3, ())
    assert numbers(unjoined) == list(range(10, 40))
    with pytest.raises(cgtool.CgtoolError, match="no segments of it are kept here"):
        cgtool.join(str(unjoined), overwrite=True)


def test_exporting(compiled: Path) -> None:
    [done] = cgtool.export("dusk", format="onnx", fp16=True, engines_dir=compiled.parent)
    assert done.status == "up to date"
    with pytest.raises(cgtool.UsageError, match="fp16 and fp32 exclude each other"):
        cgtool.export("dusk", fp16=True, fp32=True, engines_dir=compiled.parent)


def test_training_is_refused_in_the_same_words() -> None:
    with pytest.raises(cgtool.UsageError, match="either data"):
        cgtool.train(domains="summer,winter", name="x")
    with pytest.raises(cgtool.UsageError, match="not two domains"):
        cgtool.train("data", domains="summer", name="x")
    with pytest.raises(cgtool.UsageError, match="no option 'nonsense'"):
        cgtool.train("data", domains="summer,winter", name="x", nonsense=1)


def test_training(tmp_path: Path) -> None:
    for folder in ("trainA", "trainB"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (40, 40), (60 * number, 90, 120)).save(tmp_path / "data" / folder / f"{number}.png")
    done = cgtool.train(
        tmp_path / "data",
        domains=("day", "night"),
        name="tiny",
        preset="tiny",
        runs_dir=tmp_path / "runs",
        engines_dir=tmp_path / "engines",
        steps=1,
        crop_size=32,
        load_size=36,
        ngf=4,
        ndf=4,
        workers=1,
        precision="fp32",
        device="cpu",
    )
    assert done.step == 1
    assert done.model_folder == tmp_path / "engines" / "tiny"


def test_data_are_looked_at(tmp_path: Path) -> None:
    check = cgtool.check_data(write_domains(tmp_path), tmp_path / "sheet.jpg")
    assert [len(domain) for domain in check.domains] == [6, 6, 2, 1]
    assert (tmp_path / "sheet.jpg").is_file()
