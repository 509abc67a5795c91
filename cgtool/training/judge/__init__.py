"""A training judges itself: features, measures, what conversion would show, and the score that keeps the best."""
