"""A queue between two threads: bounded in bytes, woken on both sides."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from cgtool.pipeline.pipeline import Pipeline, Stage
from cgtool.pipeline.queues import ByteQueue, Stopped
from tests.pipeline.test_pipeline import Item, numbers, run, same


def test_queue_is_bounded_in_bytes() -> None:
    produced = 0

    def source() -> Iterator[Item]:
        nonlocal produced
        for item in numbers(50):
            produced += 1
            yield item

    release = threading.Event()

    def sink(item: Item) -> None:
        release.wait()

    pipeline = Pipeline(source(), [], sink, queue_bytes=450)
    running = pipeline.run()
    next(running)
    time.sleep(0.2)
    # Four fit the queue, one is in the sink's hands and one in the source's.
    assert produced == 6
    release.set()
    assert sum(1 for _ in running) >= 1
    assert produced == 50


def test_an_item_larger_than_the_bound_still_passes() -> None:
    seen: list[int] = []
    items = iter([Item(0, 10_000), Item(1, 10_000)])
    run(Pipeline(items, [Stage("one", same)], lambda item: seen.append(item.number), queue_bytes=1))
    assert seen == [0, 1]


def test_queue_stop_wakes_both_sides() -> None:
    full: ByteQueue[Item] = ByteQueue(100)
    full.put(Item(0))
    empty: ByteQueue[Item] = ByteQueue(100)
    woken: list[str] = []

    def put() -> None:
        with pytest.raises(Stopped):
            full.put(Item(1))
        woken.append("put")

    def get() -> None:
        with pytest.raises(Stopped):
            empty.get()
        woken.append("get")

    workers = [threading.Thread(target=put), threading.Thread(target=get)]
    for worker in workers:
        worker.start()
    time.sleep(0.05)
    assert not woken
    full.stop()
    empty.stop()
    for worker in workers:
        worker.join(1)
    assert sorted(woken) == ["get", "put"]
