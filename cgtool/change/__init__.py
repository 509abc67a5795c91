"""Steadiness and detail: optical flow, smoothing, guided detail transfer, and the measures of all three.

Arrays in, arrays out, explicit state, no threads. Frames are uint8 RGB of shape (height, width, 3).
"""
