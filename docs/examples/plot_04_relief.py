"""
Shading a map
=============

The slope of a landscape is a convolution of its heights with a difference kernel, and light from one side makes a
relief of it. The map is a piece of the Appalachians near Jacksboro, Tennessee, as matplotlib ships it. What the
kernel finds beyond the edge is chosen by ``padding_mode``.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data

from npconvt import conv2d

with get_sample_data("jacksboro_fault_dem.npz") as file:
    heights = file["elevation"].astype(np.int64)  # metres

# Light from the upper left: what rises towards it is bright. A Sobel kernel along the diagonal, in integers.
kernel = np.array([[2, 1, 0], [1, 0, -1], [0, -1, -2]])
modes = ("zeros", "replicate", "reflect", "circular")
relief = {mode: conv2d(heights[None], kernel[None, None], padding=1, padding_mode=mode)[0] for mode in modes}

figure, ax = plt.subplots(figsize=(7, 6), layout="constrained")
ax.imshow(-relief["replicate"], cmap="gray", vmin=-400, vmax=400)
ax.set_title(f"{heights.shape[0]} x {heights.shape[1]} heights, padding_mode='replicate'")
ax.set_axis_off()

# %%
# Padded with zeros, the map ends at a cliff of several hundred metres, which outshines everything else along the
# edge. The other modes repeat heights that are there. Inside, all four are equal to the last digit.
figure, axes = plt.subplots(1, 4, figsize=(10, 3), layout="constrained")
for ax, mode in zip(axes, modes, strict=True):
    ax.imshow(-relief[mode][:24, :24], cmap="gray", vmin=-400, vmax=400)
    ax.set_title(f"{mode}, corner", fontsize=10)
    ax.set(xticks=[], yticks=[])
    assert (relief[mode][1:-1, 1:-1] == relief["zeros"][1:-1, 1:-1]).all()
    print(f"{mode:10} largest value on the edge: {abs(relief[mode][0]).max()}")
