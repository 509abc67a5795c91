"""A conversion on a Ray cluster of two nodes on this machine, one of which is killed in the middle.

It is a program of its own: Ray is not at its ease in a process in which warnings are errors.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ray.cluster_utils import Cluster

from cgtool.backends.opening import Opened
from cgtool.conversion.events import Advanced, Finished
from cgtool.conversion.request import ConvertRequest
from cgtool.tasks.convert import convert, lay_out
from tests.conversion.pieces.worker import Flickering, model


def slow(*_: object) -> Opened:
    """An engine that takes its time, so that a node can be killed in the middle."""
    return Opened(Flickering(0.03), [], [])


def main() -> None:
    source, folder, how = sys.argv[1:]
    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    other = cluster.add_node(**node)
    inputs = [source] if how == "shared" else [source, str(Path(source).with_suffix(".png"))]
    request = ConvertRequest(
        inputs,
        output=f"{folder}/",
        model=model(maps=False),
        segment=1,
        codec="ffv1",
        ray=cluster.address,
        ray_send_files=how == "sent",
    )
    told: list[tuple[int, int | None]] = []
    for event in convert(lay_out(request), opener=slow):
        if isinstance(event, Advanced):
            told.append((event.frames, event.segments))
            if other is not None and event.frames > 5:
                cluster.remove_node(other, allow_graceful=False)
                other = None
        elif isinstance(event, Finished):
            result = event.result
            print(json.dumps([result.status, result.error, result.frames, told, other is None]))
    cluster.shutdown()


if __name__ == "__main__":
    main()
