"""
Two sizes, one number of windows
================================

With stride 2 and padding 1, inputs of 9 and of 10 pixels both give 5 outputs. So a transposed convolution from 5 can
return to either. ``output_padding`` chooses, and the pixel it adds is what the last window puts there, not a zero.
"""

import matplotlib.pyplot as plt

from npconvt import ConvGeometry, conv_transpose1d, plot

x, w = [1, 2, 3, 4, 5], [1, 10, 100]
figure, axes = plt.subplots(2, 1, figsize=(9, 4), layout="constrained")
for ax, more in zip(axes, (0, 1), strict=True):
    geometry = ConvGeometry.conv_transpose((5,), (3,), stride=2, padding=1, output_padding=more)
    plot.arithmetic(geometry, -1, transposed=True, view="scatter", input=x, weight=w, ax=ax)
    ax.set_title(f"output_padding={more}: {geometry.input_size[0]} outputs", fontsize=10)
    print(conv_transpose1d([x], [[w]], stride=2, padding=1, output_padding=more))

# %%
# The matrices differ in one row: that of the added output.
figure = plot.kernel_matrix(w, (5,), stride=2, padding=1, output_padding=1, transposed=True, row=9)
