"""
Bilinear enlargement as a transposed convolution
================================================

Fully convolutional networks enlarge their maps by a transposed convolution that starts as linear interpolation.
`bilinear_kernel` is its kernel: a triangle on each axis, twice as wide as the stride.
"""

# %%
# The kernel
# ----------
#
# Each of the stride's phases sums to one, so a constant stays a constant.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data

from npconvt import bilinear_kernel, conv2d, conv_transpose2d

print(bilinear_kernel((2,)), bilinear_kernel((3,)))
for s in (2, 3, 4):
    taps = bilinear_kernel((s,))
    assert all(abs(taps[phase::s].sum() - 1) < 1e-15 for phase in range(s))

# %%
# A photograph, four times as large
# ---------------------------------
#
# One kernel for each colour: as many groups as channels. With `padding="same"` the result has n*stride pixels.

photo = np.moveaxis(plt.imread(get_sample_data("grace_hopper.jpg", asfileobj=False)) / 255, -1, 0)
box = np.full((3, 1, 8, 8), 1 / 64)
small = conv2d(photo[:, 40:296, 130:386], box, stride=8, groups=3)  # shape (3, 32, 32)

weight = bilinear_kernel(4, channels=3)
large = conv_transpose2d(small, weight, stride=4, padding="same", groups=3)
assert large.shape == (3, 128, 128)

# %%
# On the border the picture fades, because a transposed convolution adds nothing from beyond it. With one repeated
# pixel around the small picture, and its enlargement cropped, it does not.

padded = np.pad(small, ((0, 0), (1, 1), (1, 1)), mode="edge")
whole = conv_transpose2d(padded, weight, stride=4, padding="same", groups=3)[:, 4:-4, 4:-4]

figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.8), layout="constrained")
nearest = small.repeat(4, axis=1).repeat(4, axis=2)
pictures = {"pixels repeated": nearest, "bilinear kernel": large, "bilinear kernel, border repeated": whole}
for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(np.moveaxis(picture, 0, -1))
    axis.set_title(title, fontsize=10)
    axis.axis("off")
plt.show()

# %%
# Checks
# ------
#
# It is linear interpolation between the centres of the pixels, axis by axis, as `numpy.interp` does it.

centres, fine = np.arange(32) + 0.5, (np.arange(128) + 0.5) / 4
interpolated = np.apply_along_axis(lambda line: np.interp(fine, centres, line), 1, small)
interpolated = np.apply_along_axis(lambda line: np.interp(fine, centres, line), 2, interpolated)
np.testing.assert_allclose(whole, interpolated, rtol=0, atol=1e-14)
np.testing.assert_allclose(large[:, 4:-4, 4:-4], interpolated[:, 4:-4, 4:-4], rtol=0, atol=1e-14)
assert large[:, 0].mean() < 0.7 * whole[:, 0].mean()
