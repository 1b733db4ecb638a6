"""Draw the picture of the README: `python docs/make_picture.py` writes docs/_static/idea.png."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from npconvt import ConvGeometry, conv2d, kernel_matrix, plot

x, w = np.arange(16).reshape(4, 4), np.arange(9).reshape(3, 3)
y = conv2d(x[None], w[None, None])[0]
geometry = ConvGeometry.conv((4, 4), (3, 3))

figure = Figure(figsize=(10, 5.6), layout="constrained")
axes = figure.subplot_mosaic([["there", "back"], ["matrix", "matrix"]], height_ratios=[1.45, 1])

plot.arithmetic(geometry, 1, input=x, weight=w, ax=axes["there"])
axes["there"].set_title("conv2d: row 1 makes output (0, 1)")
plot.arithmetic(geometry, 1, transposed=True, view="scatter", input=y, weight=w, ax=axes["back"])
axes["back"].set_title("conv_transpose2d: row 1 spreads input (0, 1)")
for name in ("there", "back"):
    axes[name].get_legend().remove()

A = kernel_matrix(w, (4, 4))
ax = axes["matrix"]
dense = np.full(A.shape, np.nan)
entries = A.tocoo()
dense[entries.coords] = entries.data
ax.imshow(dense, cmap="cividis", aspect="equal")
for row, column, value in zip(*entries.coords, entries.data, strict=True):
    ax.text(column, row, value, ha="center", va="center", fontsize=8, color="white" if value < 5 else "black")
ax.add_patch(Rectangle((-0.5, 0.5), 16, 1, fill=False, edgecolor="#d55e00", linewidth=2.5))
ax.set_title("one matrix A: y = A x, and back by A transposed")
ax.set_xticks(range(16), [f"{i},{j}" for i in range(4) for j in range(4)], fontsize=7)
ax.set_yticks(range(4), [f"{i},{j}" for i in range(2) for j in range(2)], fontsize=7)
ax.set(xlabel="pixel of the picture", ylabel="output")
for edge in (4, 8, 12):
    ax.axvline(edge - 0.5, color="#8c8c8c", linewidth=0.6)

figure.savefig(Path(__file__).parent / "_static" / "idea.png", dpi=90)
