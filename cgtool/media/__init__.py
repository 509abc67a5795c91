"""Readers and writers of video and images; colour; timing."""
