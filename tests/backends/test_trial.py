"""The proof on first use: engines that do not do as they should are refused, and the next takes over."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from torch import nn

from cgtool.backends import machine, timings, trial
from cgtool.backends.base import GeneratorSource
from cgtool.backends.manifest import EngineFile, read_manifest
from cgtool.backends.onnx.export import to_onnx
from cgtool.backends.openvino.ir import to_ir
from cgtool.backends.proof import agreement
from cgtool.backends.sample import Promise
from cgtool.backends.selection import EngineRequest, open_backend
from cgtool.backends.spec import EngineSpec
from cgtool.backends.torch.graph import frame_graph
from cgtool.cli.app import cli
from cgtool.conversion.model import source_of
from cgtool.errors import EngineError
from cgtool.models.folder import read_model_folder
from tests.backends.support import psnr, small_generator
from tests.compiled import forge, manifest_of, quick_exports, replace_file
from tests.processes import without  # noqa: F401

FRAMES = np.random.default_rng(0).integers(0, 256, (1, 64, 48, 3), dtype=np.uint8)
