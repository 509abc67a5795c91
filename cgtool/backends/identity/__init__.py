"""No network at all: frames come back as they are."""
