"""The learning rate over time."""

from __future__ import annotations


def learning_rate_factor(step: int, total_steps: int, decay: float) -> float:
    """The share of the initial learning rate that a step uses: constant, then falling linearly to 0.

    The paper keeps it for 100 epochs and lets it fall over 100 (Zhu et al. 2017, section 4). It falls at every step
    here, not once an epoch, and reaches 0 right after the last step.

    Args:
        step: Steps done before this one.
        total_steps: Steps of the whole training.
        decay: The last part of the training in which the rate falls, 0 to 1; 0 keeps it constant.

    Returns:
        A factor in (0, 1]; 0 from ``total_steps`` on, unless it is constant.
    """
    falling = decay * total_steps
    return 1.0 if not falling else min(1.0, max(0.0, (total_steps - step) / falling))
