"""
Rounding errors and their bound
===============================

The same layer in float32 and float16, against float64. The bound ``n * u * (|w| * |x|)`` holds for every order of
summation, so no correct program can go beyond it. The input is a photograph, so the bound is a picture of it, too.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.colors import LogNorm
from matplotlib.pyplot import imread

from npconvt import conv2d

with get_sample_data("grace_hopper.jpg") as file:
    photo = imread(file)[::3, ::3].transpose(2, 0, 1) / 255  # 3 channels

rng = np.random.default_rng(0)
weight = rng.normal(size=(1, 3, 5, 5))

figure, axes = plt.subplots(2, 2, figsize=(9, 8), layout="constrained")
for row, dtype in zip(axes, (np.float32, np.float16), strict=True):
    x, w = photo.astype(dtype), weight.astype(dtype)
    truth = conv2d(x.astype(float), w.astype(float))[0]
    u = np.finfo(dtype).eps / 2
    # It has room for float16, too, which is summed in float32 and rounded once more, at the end.
    bound = (3 * 5 * 5) * u * conv2d(abs(x.astype(float)), abs(w.astype(float)))[0]
    error = abs(conv2d(x, w)[0] - truth)
    assert (error <= bound).all()
    for ax, values, name in ((row[0], bound, "bound"), (row[1], error, "error")):
        norm = LogNorm(bound.max() / 1e5, bound.max())
        shown = ax.imshow(np.maximum(values, bound.max() / 1e5), cmap="cividis", norm=norm)
        ax.set_title(f"{np.dtype(dtype).name}: {name}", fontsize=10)
        ax.set_axis_off()
    figure.colorbar(shown, ax=row, shrink=0.8, label="absolute, of one output")
    print(f"{np.dtype(dtype).name}: largest error over bound {(error / bound).max():.4f}")
