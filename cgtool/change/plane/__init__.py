"""What planes need: chroma where it lies, maps between their cells, arithmetic in fixed point."""
