"""The loop: steps, their metrics, checkpoints, and a stop that loses nothing."""

from __future__ import annotations

import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from cgtool.errors import CgtoolError, OutOfMemoryError, Terminated
from cgtool.training.data.batches import Batches
from cgtool.training.files.checkpoints import Checkpoints
from cgtool.training.files.metrics import MetricsLog, StepMetrics
from cgtool.training.interruption import Interruption
from cgtool.training.judge.judgement import Judgement
from cgtool.training.losses import DISCRIMINATORS, Losses
from cgtool.training.parts.layout import normalize
from cgtool.training.record import RunRecord
from cgtool.training.state import TrainState

_REPORT_EVERY_ON_GPU = 10
"""Steps between two looks at the losses on a GPU: a look waits for it."""
_COLLAPSED_LOSS = 1e-6
_COLLAPSED_STEPS = 500


@dataclass(frozen=True)
class Progress:
    """Where a training is.

    Attributes:
        metrics: The last step's.
        total_steps: When it will be done.
        total_epochs: Passes over the larger domain by then.
        images_per_second: Images of both domains together, in the last steps.
        data_share: The part of the time, 0 to 1, in which the last steps waited for images.
        seconds_left: Estimate.
    """

    metrics: StepMetrics
    total_steps: int
    total_epochs: int
    images_per_second: float
    data_share: float
    seconds_left: float


@dataclass(frozen=True)
class Action:
    """Something that the main process does every so many steps, and at the end.

    Attributes:
        every: Steps; 0 for the end alone.
        run: Does it; what it judges is told.
    """

    every: int
    run: Callable[[], Judgement | None]


class Loop:
    """Trains until the last step.

    Args:
        state: What is trained.
        batches: Its images.
        record: The run, for its last step and for checkpoints.
        checkpoints: Where they go.
        checkpoint_every: Steps between them; there is one at the end of each epoch as well.
        log: Where metrics go; None in all processes but the main one.
        actions: What is done now and then, in the main process.
    """

    def __init__(
        self,
        state: TrainState,
        batches: Batches,
        record: RunRecord,
        *,
        checkpoints: Checkpoints,
        checkpoint_every: int,
        log: MetricsLog | None,
        actions: Sequence[Action] = (),
    ) -> None:
        self._state = state
        self._batches = batches
        self._record = record
        self._total_steps = record.total_steps
        self._epoch_images = max(domain.images for domain in record.data)
        self._checkpoints = checkpoints
        self._checkpoint_every = checkpoint_every
        self._log = log
        self._actions = actions
        self._unseen: list[tuple[StepMetrics, Losses]] = []
        self._recent: deque[StepMetrics] = deque(maxlen=20)
        self._saved_step = state.step
        self._collapsed: dict[str, int] = dict.fromkeys(DISCRIMINATORS.names, 0)

    def run(self, stop_after: int | None = None) -> Iterator[Progress | Judgement]:
        """Train.

        Args:
            stop_after: Save and return after this step.

        Yields:
            The progress: after every step on a CPU, after some on a GPU; and judgements.

        Raises:
            KeyboardInterrupt: SIGINT came; the step was finished and saved.
            Terminated: SIGTERM came; likewise.
            CgtoolError: A loss is not finite or the discriminators have collapsed; an image can no longer be read, or
                a file can't be written.
            OutOfMemoryError: The GPU's memory does not hold a batch.
        """
        state, interruption = self._state, Interruption()
        last = min(self._total_steps, stop_after or self._total_steps)
        with interruption.watch():
            clock = time.perf_counter()
            while state.step < last:
                clock = self._step(clock)
                due = [action for action in self._actions if action.every and state.step % action.every == 0]
                save = self._checkpoint_due() or state.step == last
                if not (due or save or self._report_due()):
                    continue
                yield self._report()
                stop = state.world.largest(interruption.signal)
                if save or stop:
                    self._save()
                if stop:
                    raise KeyboardInterrupt if stop == signal.SIGINT else Terminated("stopped by SIGTERM; all is saved")
                if state.step < self._total_steps:
                    yield from self._act(due)
        if state.step >= self._total_steps:
            yield from self._act(self._actions)

    def _step(self, clock: float) -> float:
        state = self._state
        fetching, cpu = time.perf_counter(), time.process_time()
        raw = [next(self._batches) for _ in range(state.config.accumulate)]
        data_seconds = time.perf_counter() - fetching
        epoch = state.images // self._epoch_images
        try:
            pairs = [(normalize(x, state.world.device), normalize(y, state.world.device)) for x, y in raw]
            losses = state.advance(pairs, self._total_steps)
        except torch.OutOfMemoryError as error:
            raise OutOfMemoryError(
                "the GPU's memory does not hold this batch",
                hint=f"Halve --batch (now {state.config.batch}) and double --accumulate, or use a smaller --crop-size",
            ) from error
        now = time.perf_counter()
        cpu_seconds = time.process_time() - cpu
        metrics = StepMetrics(state.step, epoch, state.learning_rate, now - clock, data_seconds, {}, cpu_seconds)
        self._unseen.append((metrics, losses))
        return now

    def _report_due(self) -> bool:
        return self._state.world.device.type == "cpu" or self._state.step % _REPORT_EVERY_ON_GPU == 0

    def _checkpoint_due(self) -> bool:
        state = self._state
        epochs_before = (state.images - state.images_per_step) // self._epoch_images
        return state.step % self._checkpoint_every == 0 or state.images // self._epoch_images > epochs_before

    def _report(self) -> Progress:
        """Look at the losses of the steps since the last report, check and log them."""
        unseen = torch.stack([value for _, losses in self._unseen for value in losses.values()])
        values = iter(self._state.world.mean(unseen).tolist())
        for metrics, losses in self._unseen:
            metrics.losses.update({name: next(values) for name in losses})
            self._check(metrics)
            self._recent.append(metrics)
            if self._log is not None:
                self._log.write(metrics)
        metrics = self._unseen[-1][0]
        self._unseen.clear()
        seconds = sum(recent.seconds for recent in self._recent) / len(self._recent)
        waiting = sum(recent.data_seconds for recent in self._recent) / len(self._recent)
        return Progress(
            metrics,
            total_steps=self._total_steps,
            total_epochs=-(-self._total_steps * self._state.images_per_step // self._epoch_images),
            images_per_second=2 * self._state.images_per_step / seconds,
            data_share=waiting / seconds,
            seconds_left=(self._total_steps - metrics.step) * seconds,
        )

    def _check(self, metrics: StepMetrics) -> None:
        for name, value in metrics.losses.items():
            if not math.isfinite(value):
                raise self._diverged(f"the loss {name} became {value} at step {metrics.step}")
        for name in DISCRIMINATORS.names:
            self._collapsed[name] = self._collapsed[name] + 1 if metrics.losses.get(name, 1) < _COLLAPSED_LOSS else 0
            if self._collapsed[name] >= _COLLAPSED_STEPS:
                raise self._diverged(
                    f"the loss {name} has been 0 for {_COLLAPSED_STEPS} steps, up to step {metrics.step}: "
                    "the discriminator has won, and its generator learns nothing more"
                )

    def _diverged(self, what: str) -> CgtoolError:
        steps = self._checkpoints.steps()
        good = f"The last good checkpoint is {self._checkpoints.path(steps[-1])}" if steps else "There is no checkpoint"
        return CgtoolError(what, hint=f"{good}. Run again with --allow-change and a lower --lr, or --precision fp32")

    def _save(self) -> None:
        state = self._state
        if state.step == self._saved_step:
            return
        if not state.weights_are_finite():
            raise self._diverged(f"a weight is not finite after step {state.step}")
        if self._log is not None:
            self._log.sync()
            self._checkpoints.save(state.step, {**state.state_dict(), **self._record.in_checkpoint()})
        state.world.barrier()
        self._saved_step = state.step

    def _act(self, actions: Sequence[Action]) -> Iterator[Judgement]:
        for action in actions if self._log is not None else ():
            if (judgement := action.run()) is not None:
                yield judgement
        self._state.world.barrier()
