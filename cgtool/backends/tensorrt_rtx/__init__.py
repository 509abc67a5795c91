"""TensorRT for RTX: engines for GeForce RTX and its kin, compiled on any machine."""
