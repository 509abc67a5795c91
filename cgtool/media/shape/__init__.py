"""The shape in which decoded frames go on: progressive, and all of one size."""
