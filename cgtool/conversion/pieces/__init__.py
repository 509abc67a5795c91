"""A long video in segments: planned, made by whoever has a lease, kept with their state, joined."""
