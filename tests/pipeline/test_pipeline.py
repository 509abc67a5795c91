"""Order, bounds, errors and stopping of the pipeline, without any media or network."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cgtool.pipeline.pipeline import Pipeline, Progress, Stage


@dataclass(frozen=True)
class Item:
    number: int
    nbytes: int = 100


def numbers(count: int) -> Iterator[Item]:
    return (Item(number) for number in range(count))


def run(pipeline: Pipeline[Item]) -> Progress:
    *_, last = pipeline.run()
    return last


def same(items: list[Item]) -> list[Item]:
    return items


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("cgtool-")}


def test_items_come_out_in_order_and_none_is_lost() -> None:
    seen: list[int] = []
    batches: list[int] = []

    def stage(items: list[Item]) -> list[Item]:
        batches.append(len(items))
        time.sleep(0.0005 * (len(items) % 3))
        return items

    progress = run(
        Pipeline(
            numbers(101),
            [Stage("one", stage, batch=4), Stage("two", same)],
            lambda item: seen.append(item.number),
            queue_bytes=350,
        )
    )
    assert seen == list(range(101))
    assert progress.items == 101
    assert batches == [4] * 25 + [1]
    assert set(progress.busy_seconds) == {"decode", "one", "two", "encode"}
    assert not threads()


def test_no_items() -> None:
    assert run(Pipeline(numbers(0), [Stage("one", same)], lambda item: None)).items == 0


class Boom(Exception):
    pass


def failing_source() -> Iterator[Item]:
    yield from numbers(30)
    raise Boom("source")


def fail_at_30(items: list[Item]) -> list[Item]:
    if items[0].number == 30:
        raise Boom("stage")
    return items


def failing_sink(item: Item) -> None:
    if item.number == 30:
        raise Boom("sink")


@pytest.mark.parametrize("where", ["source", "stage", "sink"])
def test_a_failure_stops_everything_and_is_told(where: str) -> None:
    source = failing_source() if where == "source" else numbers(10**9)
    stage = fail_at_30 if where == "stage" else same
    sink = failing_sink if where == "sink" else lambda item: None
    begin = time.monotonic()
    with pytest.raises(Boom, match=where):
        run(Pipeline(source, [Stage("before", same), Stage("one", stage)], sink, queue_bytes=1000))
    assert time.monotonic() - begin < 1
    assert not threads()


def test_the_first_failure_is_the_one_that_is_told() -> None:
    blocked = threading.Event()

    def stuck_sink(item: Item) -> None:
        blocked.wait()
        raise Boom("sink, because it was interrupted")

    with pytest.raises(Boom, match="stage"):
        run(Pipeline(numbers(100), [Stage("one", fail_at_30)], stuck_sink, interrupt=blocked.set))
    assert not threads()


def test_leaving_early_stops_the_threads() -> None:
    interrupted = threading.Event()
    pipeline = Pipeline(numbers(10**9), [Stage("one", same)], lambda item: None, interrupt=interrupted.set)
    running = pipeline.run()
    next(running)
    assert threads()
    begin = time.monotonic()
    running.close()
    assert time.monotonic() - begin < 1
    assert interrupted.is_set()
    assert not threads()


def test_an_interrupt_while_threads_start_stops_those_that_run(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, 0

    def interrupted(thread: threading.Thread) -> None:
        nonlocal started
        started += 1
        if started == 3:
            raise KeyboardInterrupt
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(Pipeline(numbers(10**9), [Stage("one", same)], lambda item: None))
    assert not threads()


def test_busy_time_counts_work_and_not_waiting() -> None:
    def slow(items: list[Item]) -> list[Item]:
        time.sleep(0.02)
        return items

    busy = run(Pipeline(numbers(20), [Stage("slow", slow)], lambda item: None)).busy_seconds
    assert 0.4 <= busy["slow"] < 0.8
    assert busy["decode"] < 0.1
    assert busy["encode"] < 0.1
