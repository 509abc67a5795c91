"""Measured speeds: kept, told apart, and never in the way."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cgtool.backends import machine, timings
from cgtool.backends.base import BackendInfo

CPU = BackendInfo("openvino", "cpu (Some CPU)", "bf16", 8)
GPU = BackendInfo("torch", "cuda:1 (Some GPU)", "fp16", 4)


def test_what_was_recorded_is_found(own_cache: Path) -> None:
    assert timings.lookup("key", "openvino", "cpu", "bf16") is None
    assert timings.record("key", CPU, 300.0)
    assert timings.lookup("key", "openvino", "cpu", "bf16") == 300.0
    for other in (
        ("other", "openvino", "cpu", "bf16"),
        ("key", "torch", "cpu", "bf16"),
        ("key", "openvino", "cpu", "fp32"),
    ):
        assert timings.lookup(*other) is None


def test_a_new_measurement_counts_half(own_cache: Path) -> None:
    timings.record("key", CPU, 300.0)
    timings.record("key", CPU, 100.0)
    assert timings.lookup("key", "openvino", "cpu", "bf16") == 200.0


def test_other_hardware_has_its_own_speed(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_devices", lambda: ("Slow GPU", "Fast GPU"))
    timings.record("key", GPU, 10.0)
    timings.record("key", CPU, 300.0)
    assert timings.lookup("key", "torch", "cuda:1", "fp16") == 10.0
    assert timings.lookup("key", "torch", "cuda:0", "fp16") is None
    monkeypatch.setattr(machine, "cuda_devices", lambda: ("Slow GPU", "Other GPU"))
    assert timings.lookup("key", "torch", "cuda:1", "fp16") is None
    monkeypatch.setattr(machine, "usable_cpus", lambda: 99)
    assert timings.lookup("key", "openvino", "cpu", "bf16") is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b"\xff\xfe", b'{"key": "fast"}', b'{"key": NaN, "a": -1.0}'])
def test_a_damaged_file_is_as_good_as_none(own_cache: Path, damage: bytes) -> None:
    own_cache.mkdir()
    (own_cache / "timings.json").write_bytes(damage)
    assert timings.lookup("key", "openvino", "cpu", "bf16") is None
    assert timings.record("key", CPU, 300.0)
    assert list(json.loads((own_cache / "timings.json").read_bytes()).values()) == [300.0]


def test_writers_at_the_same_time_leave_a_whole_file(own_cache: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda index: timings.record(f"key{index % 4}", CPU, 300.0), range(64)))
    assert all(kept)
    assert set(json.loads((own_cache / "timings.json").read_bytes()).values()) == {300.0}
    assert [path.name for path in own_cache.iterdir()] == ["timings.json"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CGTOOL_CACHE", str(tmp_path / "file"))
    assert not timings.record("key", CPU, 300.0)
