"""
The kernel matrix of a 4x4 picture
==================================

A convolution is a matrix with one row per output, and in that row the kernel's weights on the pixels of one window.
Its transpose is the transposed convolution: the same weights, read down the columns.
"""

import numpy as np

from npconvt import conv2d, conv_transpose2d, kernel_matrix, plot

x = np.arange(16).reshape(1, 4, 4)
w = np.arange(9).reshape(1, 1, 3, 3)

A = kernel_matrix(w, x.shape)
plot.kernel_matrix(w, x.shape, row=(0, 0, 1))

# %%
# The matrix and the call give the same integers, in both directions.
y = conv2d(x, w)
print(y[0])
assert (A @ x.ravel() == y.ravel()).all()

# %%
back = conv_transpose2d(y, w)
print(back[0])
assert (A.T @ y.ravel() == back.ravel()).all()

# %%
# Beyond a 64x64 picture single entries cannot be seen any more; the picture then shows how full the matrix is.
plot.kernel_matrix(w[0, 0], (128, 128), padding=1)
