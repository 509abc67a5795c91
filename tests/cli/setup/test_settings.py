"""Options from settings files and the environment: which one leads, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cgtool.cli.app import cli
from cgtool.cli.setup import files
from cgtool.errors import UsageError

README = Path(__file__).parents[3] / "README.md"
SETTINGS = """
[convert]
to = "winter"
crf = 20
recursive = false
start = 00:00:01
ffmpeg_args = "-metadata a=b"
overwrite = true
engines-dir = "mine"

[models.list]
json = true

[train]
domains = "summer,winter"
name = "mine"
preset = "tiny"
steps = 7

[profile.archive.convert]
codec = "ffv1"
crf = "default"

[profile.small.convert]
codec = "hevc"
crf = 28
"""


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "users").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "a.mkv").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "config_dir", lambda: tmp_path / "users")
    monkeypatch.delenv("CGTOOL_CONFIG")


def invoke(*arguments: str, environment: Mapping[str, str] | None = None) -> Result:
    result = CliRunner(env=environment).invoke(cli, arguments, prog_name="cgtool")
    if isinstance(result.exception, UsageError):
        raise result.exception
    return result


def dry_run(*arguments: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    result = invoke("convert", "a.mkv", "--dry-run", "--json", *arguments, environment=environment)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_the_stronger_place_leads_and_each_is_named(tmp_path: Path) -> None:
    Path("cgtool.toml").write_text(SETTINGS)
    (tmp_path / "users" / "cgtool.toml").write_text("[convert]\ncrf = 10\nsmooth = 0.5")
    told = dry_run()
    assert (told["video"]["crf"], told["video"]["start"], told["video"]["ffmpeg_args"]) == (20, "1", "-metadata a=b")
    assert (told["smooth"], told["overwrite"]) == (0.5, True)
    assert told["from"]["crf"] == "cgtool.toml [convert]"
    assert told["from"]["smooth"] == f"{tmp_path / 'users' / 'cgtool.toml'} [convert]"
    assert told["from"]["json"] == "command line"
    assert "preset" not in told["from"], "a default"
    told = dry_run("--profile", "small")
    assert (told["video"]["codec"], told["video"]["crf"]) == ("hevc", 28)
    assert told["from"]["crf"] == "cgtool.toml [profile.small.convert]"
    told = dry_run(environment={"CGTOOL_PROFILE": "small", "CGTOOL_CONVERT_CRF": "22"})
    assert (told["video"]["codec"], told["video"]["crf"]) == ("hevc", 22)
    assert told["from"]["crf"] == "$CGTOOL_CONVERT_CRF"
    told = dry_run("--crf", "23", environment={"CGTOOL_CONVERT_CRF": "22"})
    assert (told["video"]["crf"], told["from"]["crf"]) == (23, "command line")


def test_a_profile_can_undo_a_setting() -> None:
    Path("cgtool.toml").write_text(SETTINGS)
    told = dry_run("--profile", "archive")
    assert (told["video"]["codec"], told["video"]["crf"]) == ("ffv1", None)
    assert "crf" not in told["from"]


def test_the_readmes_example_is_a_settings_file() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    Path("cgtool.toml").write_text(example)
    told = dry_run("--profile", "archive")
    assert (told["model"]["to"], told["skip_existing"], told["video"]["codec"]) == ("winter", True, "ffv1")
    assert invoke("models", "list").exit_code == 0


def test_another_file_or_none() -> None:
    Path("cgtool.toml").write_text(SETTINGS)
    Path("other.toml").write_text("[convert]\nto = 'monet'")
    assert dry_run("--config", "other.toml")["from"]["to"] == "other.toml [convert]"
    assert dry_run("--config", "none", "--to", "winter")["from"] == {
        "to": "command line",
        "json": "command line",
        "dry-run": "command line",
    }
    assert dry_run(environment={"CGTOOL_CONFIG": "other.toml"})["model"]["to"] == "monet"


def test_flags_of_a_file_yield_to_the_command_line() -> None:
    Path("cgtool.toml").write_text(SETTINGS)
    told = dry_run("--skip-existing")
    assert (told["overwrite"], told["skip_existing"]) == (False, True)
    assert dry_run(environment={"CGTOOL_CONVERT_OVERWRITE": "0"})["overwrite"] is False
    with pytest.raises(UsageError, match="exclude each other"):
        dry_run("--skip-existing", "--overwrite")


def test_the_variable_for_models_leads_over_a_file(tmp_path: Path) -> None:
    Path("cgtool.toml").write_text(SETTINGS)
    assert "engines-dir" in dry_run()["from"]
    assert "engines-dir" not in dry_run(environment={"CGTOOL_ENGINES": str(tmp_path)})["from"]


def test_other_commands_and_commands_below_commands() -> None:
    Path("cgtool.toml").write_text(SETTINGS)
    rows = [json.loads(line) for line in invoke("models", "list").stdout.splitlines()]
    assert "summer2winter" in {row["name"] for row in rows}
    Path("a").mkdir()
    Path("b").mkdir()
    told = json.loads(invoke("train", "--a", "a", "--b", "b", "--dry-run").stdout)
    assert (told["name"], told["steps"], told["from"]["steps"]) == ("mine", 7, "cgtool.toml [train]")
    assert "crf" in invoke("convert", "--help").output, "settings that don't apply do no harm"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "strenght = 1",
            r"cgtool\.toml: \[convert\]: cgtool convert has no option 'strenght'. Did you mean strength\?",
        ),
        ("debug = true", "no option 'debug'"),
        ("crf = 99", r"\[convert\] crf: 99 is not in the range"),
        ("crf = true", r"\[convert\] crf: True is no value"),
        ("codec = ['h264']", r"\[convert\] codec: .* is no value"),
        ("codec = 'mpeg2'", r"\[convert\] codec: 'mpeg2' is not one of"),
        ("overwrite = 'yes'", r"\[convert\] overwrite: 'yes' is neither true nor false"),
        ("start = 'soon'", r"\[convert\] start: 'soon' is no time"),
    ],
)
def test_what_no_option_takes_is_refused(line: str, words: str) -> None:
    Path("cgtool.toml").write_text(f"[convert]\nto = 'winter'\n{line}")
    with pytest.raises(UsageError, match=words):
        invoke("convert", "a.mkv", "--dry-run")


def test_export_tells_too_and_takes_the_stronger_arithmetic() -> None:
    Path("cgtool.toml").write_text("[export]\nformat = 'onnx'\nfp32 = true")
    told = invoke("export", "summer2winter", "--fp16", "--dry-run")
    assert told.exit_code == 0, told.output
    assert "--format: cgtool.toml [export]" in told.stdout
    assert "onnx fp16" in told.stdout
