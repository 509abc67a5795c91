"""``cgtool join`` says what it has joined, or why not."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cgtool.cli.join import join as command
from cgtool.errors import MediaError
from cgtool.tasks import join as task
from cgtool.tasks.join import Joined


def test_one_can_not_be_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def join(output: Path, *, overwrite: bool) -> Joined:
        assert overwrite
        if output.name == "a.mp4":
            raise MediaError("no segments of it are kept here", path=output)
        return Joined(30, 3, ("a data stream is left out",))

    monkeypatch.setattr(task, "join", join)
    done = CliRunner().invoke(command, ["--overwrite", "a.mp4", "b.mp4"])
    assert done.exit_code == 1
    assert "error: a.mp4: no segments of it are kept here" in done.output
    assert "warning: b.mp4: a data stream is left out" in done.output
    assert "b.mp4: 30 frames of 3 segments" in done.output
