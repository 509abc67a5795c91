"""An image file's metadata, and its pixels whatever their mode."""
