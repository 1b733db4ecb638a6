"""
Where checkerboards come from
=============================

Enlarge a photograph with a transposed convolution, and a pattern may appear that is not in the photograph. It is
there for any input: outputs are made from different numbers of taps. The overlap map shows it before anything runs.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.pyplot import imread

from npconvt import ConvGeometry, conv_transpose2d, plot

with get_sample_data("grace_hopper.jpg") as file:
    face = imread(file)[0:320:5, 100:420:5].mean(axis=2)[None]  # 64 x 64, grey

figure, axes = plt.subplots(2, 3, figsize=(11, 7), layout="constrained")
for column, k in zip(axes.T, (3, 4, 5), strict=True):
    geometry = ConvGeometry.conv_transpose((8, 8), (k, k), stride=2)
    plot.overlap(geometry, ax=column[0])
    column[0].set_title(f"kernel {k}x{k}, stride 2")
    larger = conv_transpose2d(face, np.ones((1, 1, k, k)), stride=2)[0]
    column[1].imshow(larger, cmap="gray")
    column[1].set_axis_off()

# %%
# Where the stride divides the kernel (here 4), the overlaps are even, and so is the result. It is a necessary
# condition for constant weights; learned weights can make the pattern with any size, and a good initial kernel does
# not: see `bilinear_kernel`.
