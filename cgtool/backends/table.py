"""Names of engines, importable without any framework."""

from __future__ import annotations

ENGINES: tuple[str, ...] = ("auto", "tensorrt", "openvino", "onnx", "torch", "identity")
"""What ``--engine`` takes."""
