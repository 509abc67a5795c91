"""The record of a run, and what may change when it goes on."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from cgtool.training.record import Change, DomainRecord, Init, RunRecord
from tests.training.data.toy import tiny_config


def record(**options: object) -> RunRecord:
    data = (DomainRecord("red", "/home/a", 6, "f00"), DomainRecord("blue", "/home/b", 7, "ba2"))
    return RunRecord(
        name="toy",
        domains=("red", "blue"),
        config=tiny_config(**options),
        data=data,
        total_steps=20,
        processes=1,
        command="cgtool train toy",
        hardware="2 x CPU",
    )


def checkpoint(made: RunRecord, step: int = 5) -> dict[str, Any]:
    return {"step": step, **made.in_checkpoint()}


def test_a_checkpoint_gives_the_record_back() -> None:
    begun = dataclasses.replace(record(), init=Init(3, "5ha", {"run": "x"}), changes=(Change(2, "--lr", 0.1, 0.2),))
    again = record().going_on(json.loads(json.dumps(checkpoint(begun))))
    assert again == begun


def test_what_differs_is_named_and_noted() -> None:
    before = checkpoint(record())
    now = dataclasses.replace(
        record(lr=0.001, gan_loss="bce"), data=(record().data[0], DomainRecord("blue", "elsewhere", 8, "other"))
    )
    expected = [
        Change(5, "--gan-loss", "lsgan", "bce"),
        Change(5, "--lr", 2e-4, 0.001),
        Change(5, "--b", "7 images", "8 other images"),
    ]
    assert now.differences(before) == expected
    assert now.going_on(before).changes == tuple(expected)
    assert record().differences(before) == []


def test_images_may_lie_elsewhere() -> None:
    moved = dataclasses.replace(
        record(), data=(dataclasses.replace(record().data[0], folder="/mnt/a"), record().data[1])
    )
    assert moved.differences(checkpoint(record())) == []


def taught(distill: str = "/home/night", networks: str | None = "0123456789", sha256: str = "9876543210") -> RunRecord:
    return dataclasses.replace(record(distill=distill), teacher=Init(0, sha256, {"steps": 9}, networks))


def test_another_teacher_is_noticed_wherever_it_lies() -> None:
    before = json.loads(json.dumps(checkpoint(taught())))
    for same in (taught(), taught(distill="/mnt/moved"), taught(sha256="told otherwise")):
        assert same.differences(before) == []
        assert same.going_on(before).changes == ()
    assert taught(networks="abcdefghij").differences(before) == [
        Change(5, "--distill", "night (01234567)", "night (abcdefgh)")
    ]
    assert record().differences(before) == [Change(5, "--distill", "night (01234567)", None)]
    assert taught().differences(checkpoint(record())) == [Change(5, "--distill", None, "night (01234567)")]


def test_a_teacher_of_a_checkpoint_that_knows_only_its_file_is_known_by_that() -> None:
    before = checkpoint(taught())
    del before["teacher"]["networks"]
    assert taught(networks="whatever").differences(before) == []
    assert taught(sha256="another file").differences(before) == [
        Change(5, "--distill", "night (98765432)", "night (01234567)")
    ]


def test_a_checkpoint_that_does_not_know_an_option_was_made_with_its_default() -> None:
    before = checkpoint(record())
    del before["config"]["head_start"], before["config"]["stem_norm"], before["config"]["rims_weight"]
    assert record().differences(before) == []
    assert record(stem_norm=False).differences(before) == [Change(5, "--stem-norm", True, False)]


def test_provenance_names_no_folder() -> None:
    paths = {"encoder_weights": "/home/weights.pth", "distill": "/home/engines/large", "distill_weight": 1.0}
    made = record(generator="resnet50", load_size=64, crop_size=32, **paths)
    provenance = made.provenance(step=7, images=14, averaged=True, hours=1.234)
    assert "/home" not in json.dumps(provenance)
    assert provenance["config"]["encoder_weights"] == "weights.pth"
    assert provenance["config"]["distill"] == "large"
    assert provenance["data"]["B"] == {"name": "blue", "images": 7, "fingerprint": "ba2"}
    assert (provenance["run"], provenance["steps"], provenance["images"]) == (made.id, 7, 14)
    assert (provenance["hours"], provenance["averaged"]) == (1.23, True)


def test_run_json_has_all_of_it() -> None:
    content = json.loads(json.dumps(record().to_json()))
    assert {"name", "domains", "total_steps", "processes", "command", "hardware", "versions"} <= set(content)
    assert content["config"]["lr"] == 2e-4
    assert content["data"]["A"]["folder"] == "/home/a"
