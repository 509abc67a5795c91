"""One clip or one still from file to file: how it shall look, what is to be made, and the way there."""
