"""TensorRT: the fastest engine on NVIDIA GPUs."""
