"""How fast a training step is, against a plain step as the reference PyTorch CycleGAN writes it.

Run as ``python -m tests.benchmarks.train_speed``; ``--json`` prints JSON, ``--profile`` where the time of ours goes.

Both steps have the same networks, losses, image pools and optimizers, and are timed in turn on the same images. The
plain one is FP32, in contiguous layout, with torch's instance normalization, and each image goes through by itself:
G(x), F(G(x)), F(y), G(F(y)), the identities, each judged on its own.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from cgtool.training.config import TrainConfig
from cgtool.training.parallel import World, pick_device
from cgtool.training.parts.layout import normalize
from cgtool.training.parts.pool import ImagePool
from cgtool.training.presets import resolve
from cgtool.training.state import TrainState, settle

Step = Callable[[Tensor, Tensor], None]


def plain_step(config: TrainConfig, device: torch.device) -> Step:
    """The reference's `optimize_parameters`, for the same networks."""
    state = TrainState(config, World(0, 1, device))
    nets = [copy.deepcopy(net) for net in state.networks.named().values()]
    for net in nets:
        net.to(memory_format=torch.contiguous_format)
        for module in net.modules():
            module.__dict__.pop("forward", None)  # torch's own instance normalization
    g_ab, g_ba, d_a, d_b = nets
    betas = (config.beta1, config.beta2)
    judges = [*d_a.parameters(), *d_b.parameters()]
    opt_g = torch.optim.Adam(itertools.chain(g_ab.parameters(), g_ba.parameters()), lr=config.lr, betas=betas)
    opt_d = torch.optim.Adam(judges, lr=config.lr, betas=betas)
    l1, mse, pools = nn.L1Loss(), nn.MSELoss(), (ImagePool(50), ImagePool(50))
    rng = torch.Generator()

    def lsgan(logits: Tensor, real: bool) -> Tensor:
        loss: Tensor = mse(logits, torch.full_like(logits, float(real)))
        return loss

    def step(x: Tensor, y: Tensor) -> None:
        fake_y = g_ab(x)
        back_x = g_ba(fake_y)
        fake_x = g_ba(y)
        back_y = g_ab(fake_x)
        for parameter in judges:
            parameter.requires_grad_(False)
        opt_g.zero_grad()
        loss = 5 * l1(g_ab(y), y) + 5 * l1(g_ba(x), x) + 10 * l1(back_x, x) + 10 * l1(back_y, y)
        torch.autograd.backward(loss + lsgan(d_b(fake_y), True) + lsgan(d_a(fake_x), True))
        opt_g.step()
        for parameter in judges:
            parameter.requires_grad_(True)
        opt_d.zero_grad()
        for judge, real, fake, pool in ((d_b, y, fake_y, pools[0]), (d_a, x, fake_x, pools[1])):
            shown = pool.query(fake.detach(), rng)
            torch.autograd.backward((lsgan(judge(real), True) + lsgan(judge(shown), False)) / 2)
        opt_d.step()

    return step


def our_step(config: TrainConfig, device: torch.device) -> Step:
    """The step of `cgtool train`."""
    state = TrainState(config, World(0, 1, device))

    def step(x: Tensor, y: Tensor) -> None:
        state.advance([(x, y)], 1000)

    return step


def seconds_of(step: Step, images: tuple[Tensor, Tensor], repeats: int, device: torch.device) -> float:
    """The mean time of a step."""
    begin = time.perf_counter()
    for _ in range(repeats):
        step(*images)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - begin) / repeats


def compare(name: str, config: TrainConfig, device: torch.device, rounds: int, repeats: int) -> dict[str, Any]:
    """Time both steps in turn, after two to warm up, and give the medians as images per second."""
    pixels = torch.randint(0, 256, (2, config.batch, 3, config.crop_size, config.crop_size), dtype=torch.uint8)
    x, y = (normalize(some, device) for some in pixels)
    steps = {"plain": plain_step(config, device), "ours": our_step(config, device)}
    images = {"plain": (x.contiguous(), y.contiguous()), "ours": (x, y)}
    for key, step in steps.items():
        seconds_of(step, images[key], 2, device)
    times: dict[str, list[float]] = {key: [] for key in steps}
    for _ in range(rounds):
        for key, step in steps.items():
            times[key].append(seconds_of(step, images[key], repeats, device))
    speed = {key: 2 * config.batch / statistics.median(values) for key, values in times.items()}
    return {
        "case": name,
        "precision": config.precision,
        "plain_images_per_second": speed["plain"],
        "images_per_second": speed["ours"],
        "times": speed["ours"] / speed["plain"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--batch", type=int, help="default: 1 on a CPU, 8 on a GPU")
    parser.add_argument("--compile", action="store_true", help="also for ours: torch.compile")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, help="steps a round; default: 1 on a CPU, 20 on a GPU")
    parser.add_argument("--case", choices=["resnet9-256", "resnet6-128", "all"], default="all")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    device = pick_device(options.device)
    gpu = device.type == "cuda"
    common = {
        "precision": options.precision,
        "batch": options.batch or (8 if gpu else 1),
        "ema": 0.0,
        "compile": options.compile,
        "upsample": "transposed",
        "device": str(device),
    }
    cases = {
        "resnet9-256": resolve("paper", common),
        "resnet6-128": resolve("fast", common),
    }
    results = []
    for name, config in cases.items():
        if options.case not in (name, "all"):
            continue
        config = settle(config, device)
        results.append(compare(name, config, device, options.rounds, options.repeats or (20 if gpu else 1)))
        row = results[-1]
        if not options.json:
            print(
                f"{name} batch {config.batch}, {row['precision']}: plain {row['plain_images_per_second']:.2f}, "
                f"ours {row['images_per_second']:.2f} images/s, {row['times']:.2f} times"
            )
        if options.profile:
            show_profile(config, device)
    if options.json:
        print(json.dumps(results))


def show_profile(config: TrainConfig, device: torch.device) -> None:
    """Print the operations that take the most time of a few steps of ours."""
    pixels = torch.randint(0, 256, (2, config.batch, 3, config.crop_size, config.crop_size), dtype=torch.uint8)
    x, y = (normalize(some, device) for some in pixels)
    step = our_step(config, device)
    seconds_of(step, (x, y), 2, device)
    gpu = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if gpu else ProfilerActivity.CPU]) as profiled:
        seconds_of(step, (x, y), 3, device)
    key = "self_cuda_time_total" if gpu else "self_cpu_time_total"
    print(profiled.key_averages().table(sort_by=key, row_limit=12, max_name_column_width=50))


if __name__ == "__main__":
    main()
