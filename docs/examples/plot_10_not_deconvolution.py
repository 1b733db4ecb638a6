"""
Transposed convolution is not deconvolution
===========================================

The transposed convolution gives back the *shape* of what went into a convolution, not the values: it is the transpose
of the matrix, where a deconvolution is its inverse. On a photograph the difference can be seen.
"""

# %%
# A blur that can be undone
# -------------------------
#
# Half of each pixel stays where it is and half is spread over its neighbours, so no frequency is lost.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from scipy.sparse.linalg import lsmr

from npconvt import ConvOperator, conv2d, conv_transpose2d

photo = plt.imread(get_sample_data("grace_hopper.jpg", asfileobj=False)).mean(axis=-1) / 255
x = conv2d(photo[None], np.full((1, 1, 4, 4), 1 / 16), stride=4)  # shape (1, 150, 128)

line = np.array([1, 4, 6, 4, 1]) / 16
kernel = np.outer(line, line) / 2
kernel[2, 2] += 0.5
weight = kernel[None, None]

A = ConvOperator(weight, x.shape, padding=2)
y = A.apply(x)

# %%
# The transpose and the inverse
# -----------------------------
#
# `A.T` is `conv_transpose2d` with the same weight. It blurs once more. What removes the blur is the solution of the
# linear system, here by `lsmr`, which needs both `A` and its transpose.

transposed = A.T.apply(y)
assert (transposed == conv_transpose2d(y, weight, padding=2)).all()

deconvolved = lsmr(A, y.ravel(), atol=1e-12, btol=1e-12, conlim=0)[0].reshape(x.shape)

figure, axes = plt.subplots(1, 4, figsize=(11, 3.7), layout="constrained")
for axis, title, picture in zip(
    axes,
    ("x", "y = A x", "A.T y: transposed convolution", "A x = y solved: deconvolution"),
    (x, y, transposed, deconvolved),
    strict=True,
):
    axis.imshow(picture[0], cmap="gray", vmin=0, vmax=1)
    axis.set_title(title, fontsize=10)
    axis.axis("off")
plt.show()

# %%
# Checks
# ------
#
# The solution is the picture. The transposed convolution is farther from it than the blurred picture was.


def distance(picture):
    """Largest difference from the picture."""
    return float(abs(picture - x).max())


print(f"blurred {distance(y):.3f}, transposed {distance(transposed):.3f}, deconvolved {distance(deconvolved):.1e}")
assert distance(deconvolved) < 1e-8
assert distance(transposed) > distance(y) > 0.1

# %%
# What does hold of the transpose, exactly, is the adjoint identity, <A x, z> = <x, A.T z>. On integers:

B = ConvOperator(np.arange(25).reshape(1, 1, 5, 5), (1, 12, 10), padding=2)
u, v = np.arange(120), np.arange(120)[::-1]
assert (B @ u) @ v == u @ (B.T @ v)
