"""
Kernel sizes without a checkerboard
===================================

A transposed convolution with stride lays its kernel at every second pixel, or every third. Where the stride does not
divide the kernel size, some output pixels get more taps than their neighbours, and a regular pattern shows in what the
layer makes, even from a constant input. `overlap_count` says how many taps a pixel gets.
"""

# %%
# How many taps on each pixel
# ---------------------------

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data

from npconvt import conv2d, conv_transpose2d, overlap_count

SIZES = (2, 3, 4, 5)

figure, axes = plt.subplots(1, len(SIZES), figsize=(11, 3.2), layout="constrained")
for axis, k in zip(axes, SIZES, strict=True):
    count = overlap_count((6, 6), k, stride=2)
    shown = axis.imshow(count, cmap="cividis", vmin=0, vmax=9)
    axis.set_title(f"kernel {k}, stride 2: up to {count.max()}", fontsize=10)
    axis.axis("off")
figure.colorbar(shown, ax=axes, label="taps on a pixel", shrink=0.8)
plt.show()

# %%
# Inside, away from the border that fewer windows reach, the count is even exactly where the stride divides the kernel
# size. (Padding crops, so it changes the border only.)

for k in range(1, 9):
    for s in range(1, 5):
        inside = overlap_count((9, 9), k, stride=s)[k - 1 : 1 - k or None, k - 1 : 1 - k or None]
        assert (inside.min() == inside.max()) == (k % s == 0)

# %%
# What it does to a picture
# -------------------------
#
# A piece of a photograph, made small, and enlarged by a flat kernel of three and of four taps per axis.

photo = plt.imread(get_sample_data("grace_hopper.jpg", asfileobj=False)).mean(axis=-1) / 255
x = conv2d(photo[None, 60:220, 180:340], np.full((1, 1, 4, 4), 1 / 16), stride=4)


def enlarged(k):
    """The small picture at twice its size, by k x k taps that share the brightness of four pixels."""
    return conv_transpose2d(x, np.full((1, 1, k, k), 4 / k**2), stride=2)[0, k:-k, k:-k]


def unevenness(picture):
    """How much the mean brightness of the four phases of the stride differs, as a fraction of it."""
    phases = [picture[a::2, b::2][:30, :30].mean() for a in (0, 1) for b in (0, 1)]
    return (max(phases) - min(phases)) / float(np.mean(phases))


figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for axis, k in zip(axes, (3, 4), strict=True):
    axis.imshow(enlarged(k), cmap="gray", vmin=0, vmax=1)
    axis.set_title(
        f"kernel {k}, stride 2: the phases' mean\nbrightness differs by {unevenness(enlarged(k)):.0%}", fontsize=10
    )
    axis.axis("off")
plt.show()

# %%
# Three taps overlap 1, 2, 2 and 4 times, so the brightest phase is four times the darkest. Four taps overlap 4 times
# everywhere.

assert unevenness(enlarged(3)) > 1
assert unevenness(enlarged(4)) < 0.02
assert sorted(set(overlap_count((6, 6), 3, stride=2)[2:-2, 2:-2].ravel())) == [1, 2, 4]
