"""Networks, checkpoints and model folders."""
