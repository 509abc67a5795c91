"""What a network changed, described so that it can be steadied over time and carried to any size.

Arrays in, arrays out, explicit state, no threads. Frames are RGB, uint8, of shape (height, width, 3). The frame's way:
`exposure` fades the network's picture as the source is faded, `smoothing` steadies it along the `flow`, `fit` describes
the change as `maps`, `apply` puts them on the frame; `detail` joins the last three. `measures` tells how good it is.
"""
