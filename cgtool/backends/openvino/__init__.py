"""OpenVINO: the fastest engine on CPUs."""
