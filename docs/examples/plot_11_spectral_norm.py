"""
The spectral norm of a layer
============================

How much can a layer stretch its input? The answer is the largest singular value of its matrix. `scipy.sparse.linalg`'s
`svds` finds it from products with the operator alone, for any padding; with circular padding `singular_values` finds
all of them at once by the Fourier transform, as Sedghi, Gupta and Long showed (ICLR 2019), here with stride and
channels too.
"""

# %%
# One layer, by two ways
# ----------------------
#
# 16 channels of 24 x 24 pixels become 32 of 12 x 12. The matrix would be 4608 x 9216.

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse.linalg import svds

from npconvt import ConvOperator, singular_values

rng = np.random.default_rng(0)
weight = rng.standard_normal((32, 16, 3, 3)) / np.sqrt(16 * 9)
shape = (16, 24, 24)

values = singular_values(weight, shape, stride=2)
circular = ConvOperator(weight, shape, stride=2, padding="same", padding_mode="circular")
(norm,) = svds(circular, k=1, return_singular_vectors=False)

print(f"{circular}: {len(values)} singular values, norm {values[0]:.12f} by transform, {norm:.12f} by svds")
np.testing.assert_allclose(norm, values[0], rtol=1e-10)

# %%
# What it is often taken to be
# ----------------------------
#
# The norm of the weight, reshaped to C_out rows, is easy to compute, and is something else: it knows nothing of how
# the windows overlap.

reshaped = np.linalg.norm(weight.reshape(32, -1), 2)
(zeros,) = svds(ConvOperator(weight, shape, stride=2, padding=1), k=1, return_singular_vectors=False)
print(f"zero padding {zeros:.4f}, circular {norm:.4f}, reshaped weight {reshaped:.4f}")
assert zeros < norm * 1.001
assert abs(reshaped / norm - 1) > 0.05

# %%
# Without the stride the same weights stretch more: there are four times as many outputs. The sum of the squared
# singular values, which is that of the squared entries of the matrix, says by how much on average.

dense = singular_values(weight, shape)
np.testing.assert_allclose((dense**2).sum(), 24 * 24 * (weight**2).sum(), rtol=1e-12)
np.testing.assert_allclose((values**2).sum(), 12 * 12 * (weight**2).sum(), rtol=1e-12)

figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
axis.plot(np.linspace(0, 1, len(dense)), dense, label="stride 1")
axis.plot(np.linspace(0, 1, len(values)), values, "--", label="stride 2")
axis.axhline(reshaped, color="gray", linestyle=":", label="norm of the reshaped weight")
axis.set(xlabel="rank, as a fraction", ylabel="singular value", title="All singular values of the layer")
axis.legend()
plt.show()
