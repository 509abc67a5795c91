"""`cgtool convert` as shell scripts see it: exit codes, outputs, idempotence, signals."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.probe import assert_same_times, make, streams, timestamps

COMMAND = [sys.executable, "-m", "cgtool", "convert"]
FAST = ["--engine", "identity", "--preset", "ultrafast"]


def run(
    *arguments: str | Path, cwd: Path | None = None, stdin: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True, timeout=120)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )


@pytest.fixture
def clip(bunny: Path, tmp_path: Path) -> Path:
    """Half a second of real footage with sound."""
    return make(tmp_path / "summer.mp4", "-i", bunny, "-t", "0.5", "-c:a", "copy", "-vf", "scale=320:-2", "-crf", "20")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    gradient = np.add.outer(np.arange(90), np.arange(120))[..., None] + np.array([0, 20, 40])
    path = tmp_path / "photo.png"
    Image.fromarray(gradient.astype(np.uint8)).save(path)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_default_name_sound_and_times(clip: Path) -> None:
    done = run(clip, "--to", "winter", *FAST)
    assert done.returncode == 0, done.stderr
    result = clip.with_name("summer.winter.mp4")
    assert names(clip.parent) == ["summer.mp4", "summer.winter.mp4"]
    assert_same_times(clip, result)
    assert [stream.kind for stream in streams(result)] == ["video", "audio"]
    assert "13 frames" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_real_network_changes_the_picture_and_keeps_it_recognisable(clip: Path) -> None:
    result = clip.with_name("winter.mkv")
    done = run(clip, "--to", "WINTER", "-o", result, "--codec", "ffv1", "-v")
    assert done.returncode == 0, done.stderr
    assert "engine:" in done.stderr
    frames = []
    for path in (clip, result):
        rgb = path.with_suffix(".rgb")
        make(rgb, "-i", path, "-map", "0:v:0", "-f", "rawvideo", "-pix_fmt", "rgb24")
        frames.append(np.frombuffer(rgb.read_bytes(), np.uint8).reshape(13, -1, 320, 3).astype(float))
    before, after = frames
    assert np.abs(after - before).mean() > 5
    slopes = [np.diff(one.mean(axis=-1), axis=2).ravel() for one in (before, after)]
    assert np.corrcoef(*slopes)[0, 1] > 0.7  # Not of luma itself: meadows were darker than skies, snow is not.
    # Summer's green goes: that is what the model is for.
    assert (after[..., 1] - after[..., 0]).mean() < (before[..., 1] - before[..., 0]).mean()


def test_a_batch_survives_its_bad_files(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "footage"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(clip, folder / "good.mp4")
    shutil.copy(clip, folder / "deep" / "good.mp4")
    (folder / "bad.mp4").write_bytes(b"no video at all" * 100)
    (folder / "notes.txt").write_text("not media")
    done = run(folder, "--to", "winter", *FAST)
    assert done.returncode == 1
    results = tmp_path / "footage.winter"
    assert sorted(str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()) == [
        "deep/good.mp4",
        "good.mp4",
    ]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert str(folder / "bad.mp4") in errors[0]
    assert "2 converted, 0 skipped, 1 failed" in done.stdout


def test_json_and_skip_existing_twice(clip: Path, photo: Path, tmp_path: Path) -> None:
    arguments: list[str | Path] = [
        clip,
        photo,
        "--to",
        "winter",
        "-o",
        tmp_path / "out",
        "--skip-existing",
        "--json",
        *FAST,
    ]
    first = run(*arguments)
    assert first.returncode == 0, first.stderr
    rows = [json.loads(line) for line in first.stdout.splitlines()]
    assert [row["status"] for row in rows] == ["converted", "converted"]
    assert {"input", "output", "frames", "seconds", "fps", "engine", "device", "precision", "size", "error"} <= set(
        rows[0]
    )
    assert rows[0]["frames"] == 13
    assert rows[0]["size"] == "320x180"
    assert set(rows[0]["busy_seconds"]) >= {"decode", "infer", "encode"}
    assert rows[0]["busy_seconds"]["infer"] == 0, "the identity engine has nothing to do"
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    second = run(*arguments)
    assert second.returncode == 0
    assert [json.loads(line)["status"] for line in second.stdout.splitlines()] == ["skipped", "skipped"]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_a_script_over_a_pattern_can_be_run_twice(clip: Path) -> None:
    for _ in range(2):
        found = sorted(path.name for path in clip.parent.glob("*.mp4"))
        done = run(*found, "--to", "winter", "--skip-existing", *FAST, cwd=clip.parent)
        assert done.returncode == 0, done.stderr
    assert names(clip.parent) == ["summer.mp4", "summer.winter.mp4"]


def test_existing_output_is_refused_and_kept(clip: Path) -> None:
    result = clip.with_name("summer.winter.mp4")
    result.write_bytes(b"precious")
    done = run(clip, "--to", "winter", *FAST)
    assert done.returncode == 1
    assert "--overwrite" in done.stderr
    assert result.read_bytes() == b"precious"
    assert run(clip, "--to", "winter", "--overwrite", *FAST).returncode == 0
    assert len(timestamps(result)[0]) == 13


def test_standard_input_to_standard_output(photo: Path) -> None:
    command = [*COMMAND, "-", "--to", "winter", "-o", "-", "--engine", "identity"]
    done = subprocess.run(command, input=photo.read_bytes(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as image, Image.open(photo) as source:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), np.asarray(source))


@pytest.mark.parametrize("name", ["-dash.png", "with space.png", "zimní ☃.png"])
def test_awkward_names(photo: Path, name: str) -> None:
    photo.rename(photo.with_name(name))
    done = run("--to", "winter", "--engine", "identity", "--", name, cwd=photo.parent)
    assert done.returncode == 0, done.stderr
    assert photo.with_name(name.replace(".png", ".winter.png")).is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["summer.mp4", "--to", "mars"], "winter"),
        (["summer.mp4", "--to", "winter", "--overwrite", "--skip-existing"], "--skip-existing"),
        (["summer.mp4", "--to", "winter", "-o", "summer.txt"], ".mp4"),
        (["summer.mp4", "--to", "winter", "-o", "summer.mp4", "--overwrite"], "over the input"),
        (["summer.mp4", "--to", "winter", "--codec", "vp9", "-o", "x.mov"], "vp9"),
        (["summer.mp4", "--to", "winter", "--pixel-format", "nonsense"], "nonsense"),
        (["summer.mp4", "--to", "winter", "--start", "5", "--end", "4"], "--end"),
        (["summer.mp4", "--to", "winter", "--size", "3"], "16"),
        (["summer.mp4", "--to", "winter", "--device", "tpu"], "tpu"),
        (["summer.mp4", "-", "--to", "winter"], "standard input"),
        (["summer.mp4", "--to", "winter", "-o", "-"], "image"),
        (["summer.mp4", "--nonsense"], "--nonsense"),
        (["summer.mp4", "--model", "nobody", "--to", "winter"], "nobody"),
    ],
)
def test_wrong_usage_exits_with_2_and_makes_nothing(clip: Path, arguments: list[str], words: str) -> None:
    done = run(*arguments, cwd=clip.parent)
    assert done.returncode == 2
    assert words in done.stderr
    assert names(clip.parent) == ["summer.mp4"]


def test_missing_and_undecodable_inputs_exit_with_1(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    for name, words in (("nowhere.mp4", "no such file"), ("*.mkv", "matches no file"), ("text.mp4", "text.mp4")):
        done = run(name, "--to", "winter", *FAST, cwd=tmp_path)
        assert done.returncode == 1
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert names(tmp_path) == ["text.mp4"]


def test_ffmpegs_own_words_reach_the_user(clip: Path) -> None:
    done = run(clip, "--to", "winter", "--ffmpeg-args", "-nonsense 1", *FAST)
    assert done.returncode == 1
    assert "Unrecognized option 'nonsense'" in done.stderr
    assert names(clip.parent) == ["summer.mp4"]


def test_dry_run_tells_and_makes_nothing(clip: Path) -> None:
    done = run(clip, "--to", "winter", "--crf", "30", "--dry-run", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert told["video"]["crf"] == 30
    assert told["encoders"][".mp4"]["name"] == "libx264"
    assert "30" in told["encoders"][".mp4"]["arguments"]
    assert told["engine"] == {"engine": "auto", "device": "auto", "precision": "auto", "latency": False}
    assert told["jobs"] == [{"input": str(clip), "output": str(clip.with_name("summer.winter.mp4"))}]
    assert names(clip.parent) == ["summer.mp4"]


def test_dry_run_shows_the_merged_look(clip: Path) -> None:
    """The model's own wishes where nothing is asked for; the identity engine's look is neutral whatever is asked."""
    defaults = json.loads((Path(__file__).parents[2] / "engines" / "photo2monet" / "model.json").read_text())[
        "defaults"
    ]
    told = json.loads(run(clip, "--to", "monet", "--texture", "0.4", "--dry-run").stdout)
    assert (told["size"], told["smooth"], told["contrast"]) == tuple(
        defaults[name] for name in ("size", "smooth", "contrast")
    )
    assert (told["texture"], told["strength"], told["detail"]) == (0.4, 1.0, "guided")
    told = json.loads(run(clip, "--to", "monet", "--texture", "0.4", "--engine", "identity", "--dry-run").stdout)
    assert (told["size"], told["texture"], told["strength"]) == ("native", 0, 0)


def test_the_identity_engine_changes_nothing(tmp_path: Path, photo: Path) -> None:
    """A dark ramp and a flat red, which exposure and guided detail would change."""
    ramp = np.tile(np.linspace(0, 76, 64).astype(np.uint8)[None, :, None], (48, 1, 3))
    red = np.full((48, 64, 3), (200, 50, 50), np.uint8)
    pictures = {"ramp.png": ramp, "red.png": red, "both.png": np.concatenate((ramp, red))}
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / name)
    done = run(
        *(tmp_path / name for name in pictures), "--to", "winter", "--engine", "identity", "-o", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr
    for name, pixels in pictures.items():
        with Image.open(tmp_path / "out" / name) as image:
            assert np.array_equal(np.asarray(image), pixels)


def test_an_unexpected_error_names_the_way_to_see_it(clip: Path) -> None:
    code = (
        "import cgtool.tasks.convert as task, cgtool.cli.app as app\n"
        "def fail(*args, **options): raise ZeroDivisionError('by chance')\n"
        "task.convert_clip = fail\n"
        "app.main()"
    )
    command = [sys.executable, "-c", code, "convert", str(clip), "--to", "winter", *FAST]
    quiet = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert quiet.returncode == 1
    [line] = quiet.stderr.splitlines()
    assert line.startswith(
        f"error: {clip}: failed unexpectedly (ZeroDivisionError: by chance). Run it again with --debug"
    )
    loud = subprocess.run([*command, "--debug"], capture_output=True, text=True, timeout=60)
    assert "Traceback" in loud.stderr
    assert "in fail" in loud.stderr


def test_debug_tells_which_way_was_taken(clip: Path) -> None:
    done = subprocess.run([*COMMAND, str(clip), "--to", "winter", *FAST, "--debug"], capture_output=True, text=True)
    for words in ("encoder libx264, yuv420p, as decoded", "ffmpeg", "-crf 18", "files to make: 1, with summer2winter"):
        assert words in done.stderr, done.stderr


def test_quiet_says_nothing(clip: Path) -> None:
    done = run(clip, "--to", "winter", "--quiet", *FAST)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_checkpoint_of_the_reference(shared_data: Path, photo: Path) -> None:
    weights = shared_data / "weights" / "reference_s2w" / "latest_net_G_A.pth"
    done = run(photo, "--model", weights)
    assert done.returncode == 0, done.stderr
    assert photo.with_name("photo.latest_net_G_A.png").is_file()
    broken = shared_data / "odd" / "checkpoints" / "truncated_latest_net_G_B.pth"
    refused = run(photo, "--model", broken)
    assert refused.returncode == 1
    assert str(broken) in refused.stderr


def test_engine_output_comes_through_bit_for_bit_at_native_size(tmp_path: Path, photo: Path) -> None:
    """`--smooth 0 --detail resize --size native` adds nothing to what the engine gives."""
    from cgtool.backends.selection import EngineRequest, open_backend
    from cgtool.conversion.model import choose_model

    result = tmp_path / "result.png"
    plain = ["--smooth", "0", "--detail", "resize", "--size", "native"]
    assert run(photo, "--to", "monet", "-o", result, "--engine", "torch", "--precision", "fp32", *plain).returncode == 0
    with Image.open(photo) as image:
        pixels = np.asarray(image)[None]
    with open_backend(
        choose_model("monet", None, None).source, EngineRequest("torch", "cpu", "fp32")
    ).backend as engine:
        wanted = engine.infer(pixels)[0]
    with Image.open(result) as image:
        assert np.array_equal(np.asarray(image), wanted)
