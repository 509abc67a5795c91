"""Engines that run a generator: uint8 RGB frames in, the same out."""
