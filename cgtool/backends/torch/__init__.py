"""PyTorch: runs the network as it is, on CPUs and NVIDIA GPUs."""
