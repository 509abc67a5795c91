"""The loop: what happens at which step, without networks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cgtool.errors import CgtoolError
from cgtool.training.data.batches import Batches
from cgtool.training.files.checkpoints import Checkpoints
from cgtool.training.files.metrics import MetricsLog, read_metrics
from cgtool.training.loop import Action, Loop, Progress
from cgtool.training.losses import Losses
from cgtool.training.record import DomainRecord, RunRecord
from cgtool.training.state import TrainState
from tests.training.data.toy import tiny_config
from tests.training.steps.paper import WORLD


class Counting(TrainState):
    """Counts instead of learning; what the loss is at each step is told beforehand."""

    def __init__(self, losses: Sequence[float] = (1.0,)) -> None:
        super().__init__(tiny_config(), WORLD)
        self._losses = losses

    def advance(self, batches: Sequence[tuple[Tensor, Tensor]], total_steps: int) -> Losses:
        value = self._losses[min(self.step, len(self._losses) - 1)]
        self.step += 1
        self.images += self.images_per_step
        return {name: torch.tensor(value) for name in ("D_A", "D_B")}


class Gray(Batches):
    """Gray images without end."""

    def __init__(self) -> None:
        pass

    def __next__(self) -> tuple[Tensor, Tensor]:
        return torch.zeros(2, 1, 3, 32, 32, dtype=torch.uint8).unbind()  # type: ignore[return-value]


def loop(folder: Path, state: TrainState, actions: Sequence[Action] = (), every: int = 100) -> tuple[Loop, MetricsLog]:
    domains = [DomainRecord(name, f"{folder}/{name}", 6, name) for name in ("red", "blue")]
    record = RunRecord(
        "toy",
        ("red", "blue"),
        state.config,
        (domains[0], domains[1]),
        10,
        processes=1,
        command=None,
        hardware="1 x toy",
    )
    log = MetricsLog(folder, 0)
    made = Loop(
        state,
        Gray(),
        record,
        checkpoints=Checkpoints(folder / "checkpoints", 9),
        checkpoint_every=every,
        log=log,
        actions=actions,
    )
    return made, log


def test_actions_come_every_so_many_steps_and_all_at_the_end(tmp_path: Path) -> None:
    state, told = Counting(), []
    actions = [
        Action(4, lambda: told.append(("often", state.step))),
        Action(0, lambda: told.append(("end", state.step))),
    ]
    made, log = loop(tmp_path, state, actions)
    steps = [event.metrics.step for event in made.run() if isinstance(event, Progress)]
    log.close()
    assert steps == list(range(1, 11))
    assert told == [("often", 4), ("often", 8), ("often", 10), ("end", 10)]
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")] == steps


def test_a_checkpoint_is_at_each_interval_each_epoch_and_where_it_stops(tmp_path: Path) -> None:
    made, log = loop(tmp_path, Counting(), every=4)
    list(made.run(stop_after=9))
    log.close()
    assert Checkpoints(tmp_path / "checkpoints", 9).steps() == [4, 6, 8, 9]  # an epoch has 6 images


@pytest.mark.parametrize(
    ("losses", "words"),
    [((1.0, 1.0, float("nan")), "became nan at step 3"), ((1.0, float("inf")), "became inf at step 2")],
)
def test_a_loss_that_is_not_finite_stops_at_its_step(tmp_path: Path, losses: Sequence[float], words: str) -> None:
    made, log = loop(tmp_path, Counting(losses))
    with pytest.raises(CgtoolError, match=words) as caught:
        list(made.run())
    log.close()
    assert "There is no checkpoint" in str(caught.value.hint)
