"""cgtool: move footage from one domain to another with CycleGAN."""

__version__ = "0.1.0"
