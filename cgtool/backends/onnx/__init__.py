"""ONNX: the exchange format that every other kind is compiled from, and ONNX Runtime to run it."""
