"""CycleGAN's training (Zhu et al. 2017): data, losses, image history, schedule, the step and the loop."""
