"""
Channels and groups are blocks
==============================

A layer with four input and four output channels, in one dimension so that the whole matrix can be seen: dense, in two
groups, and depthwise. Each block is one kernel, walked along the signal.
"""

import matplotlib.pyplot as plt
import numpy as np

from npconvt import ConvGeometry, conv1d, kernel_matrix

rng = np.random.default_rng(3)
figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for ax, groups in zip(axes, (1, 2, 4), strict=True):
    weight = rng.integers(1, 10, (4, 4 // groups, 3))
    A = kernel_matrix(weight, (4, 8), groups=groups)
    dense = A.toarray()
    shown = ax.imshow(np.ma.masked_equal(dense, 0), cmap="cividis", vmin=0, vmax=9)
    for edge in (1, 2, 3):
        ax.axvline(8 * edge - 0.5, color="k", linewidth=0.8)
        ax.axhline(6 * edge - 0.5, color="k", linewidth=0.8)
    geometry = ConvGeometry.conv((4, 8), weight.shape, groups=groups)
    ax.set_title(f"groups={groups}: {geometry.nnz} entries", fontsize=10)
    ax.set(xlabel="input channel and position", ylabel="output channel and position")

    x = rng.integers(-9, 10, (4, 8))
    assert (A @ x.ravel() == conv1d(x, weight, groups=groups).ravel()).all()
figure.colorbar(shown, ax=axes, label="weight", shrink=0.6)
