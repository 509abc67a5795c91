"""Generators, discriminators, checkpoints and model folders."""
