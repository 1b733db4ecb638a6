"""
What one output sees
====================

Layers are stacked so that one number at the end sees a large part of the picture. How large is simple arithmetic;
how evenly is not. The colour counts the paths from a pixel to the output.
"""

import matplotlib.pyplot as plt

from npconvt import ConvGeometry, plot


def stack(size, layers):
    """Return the geometries of layers given as keywords, each fed with the output of the one before."""
    geometries = []
    for keywords in layers:
        geometries.append(ConvGeometry.conv(size, (3, 3), **keywords))
        size = geometries[-1].output_size
    return geometries


figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
stacks = {
    "four 3x3 layers": [{"padding": 1}] * 4,
    "the second with stride 2": [{"padding": 1}, {"padding": 1, "stride": 2}, {"padding": 1}, {"padding": 1}],
    "dilation 1, 2, 4, 4": [{"padding": d, "dilation": d} for d in (1, 2, 4, 4)],
}
for ax, (name, layers) in zip(axes, stacks.items(), strict=True):
    plot.receptive_field(*stack((33, 33), layers), ax=ax)
    ax.set_title(f"{name}\n{ax.get_title()}", fontsize=9)

# %%
# Many small steps make a bell: the centre counts most. Dilation reaches further with as many weights, and can leave
# a grid of pixels that count more than their neighbours: three layers of the same dilation see every second pixel
# only.
geometries = stack((33, 33), [{"padding": 2, "dilation": 2}] * 3)
plot.receptive_field(*geometries)
