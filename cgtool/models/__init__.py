"""Networks and their weights, model folders, and the reference's checkpoints."""

import sys

import cgtool

sys.modules[__name__].__class__ = cgtool.ListsModels  # `cgtool.models()` is part of the Python API
