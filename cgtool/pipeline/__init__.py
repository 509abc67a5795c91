"""Threads and bounded queues; knows no codec and no network."""
