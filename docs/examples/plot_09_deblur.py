"""
Deblurring a photograph
=======================

A shaken camera smears each point along its path, which is a convolution. `ConvOperator` is that convolution as a SciPy
operator, so undoing the blur is a least-squares problem for `scipy.sparse.linalg.lsmr`. Two things decide how well it
goes: what the model assumes beyond the edge of the picture, and how it is kept from amplifying noise.
"""

# %%
# A blurred, noisy photograph
# ---------------------------
#
# The scene goes on beyond the frame, as real ones do: the blur is computed without padding on a larger picture.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from scipy.sparse.linalg import lsmr

from npconvt import ConvOperator, conv2d

photo = plt.imread(get_sample_data("grace_hopper.jpg", asfileobj=False)).mean(axis=-1) / 255
scene = conv2d(photo[None], np.full((1, 1, 5, 5), 1 / 25), stride=5)  # shape (1, 120, 102)

path = np.diag([1, 1, 2, 2, 3, 3, 2]) / 14
blur = path[None, None]

rng = np.random.default_rng(0)
truth = scene[:, 3:-3, 3:-3]
blurred = conv2d(scene, blur) + 0.005 * rng.standard_normal(truth.shape)


def error(picture):
    """Root mean square of the difference from the truth."""
    return float(np.sqrt(np.mean((picture - truth) ** 2)))


# %%
# Without regularisation
# ----------------------
#
# The operator maps a picture to a picture of the same size; the padding mode says what it takes to be beyond the edge.
# The least-squares solution explains the noise as well as the picture, and a blur has to amplify noise a lot to be
# able to show it.

MODES = ("zeros", "circular", "replicate", "reflect")


def model(kernels, mode):
    return ConvOperator(kernels, truth.shape, padding=3, padding_mode=mode)


plain = {mode: lsmr(model(blur, mode), blurred.ravel(), maxiter=60)[0].reshape(truth.shape) for mode in MODES}

# %%
# With regularisation
# -------------------
#
# Penalising the differences between neighbours adds two rows of blocks to the matrix, which are convolutions too. So
# the whole system, the blur over the weighted differences, is one convolution with three output channels.

weight = 0.03
across, down = np.zeros_like(path), np.zeros_like(path)
across[3, 3:5] = down[3:5, 3] = -weight, weight
kernels = np.stack([path, across, down])[:, None]
wanted = np.concatenate([blurred, np.zeros_like(blurred), np.zeros_like(blurred)])

smooth = {mode: lsmr(model(kernels, mode), wanted.ravel(), maxiter=60)[0].reshape(truth.shape) for mode in MODES}

print(f"blurred    {error(blurred):.4f}")
for mode in MODES:
    print(f"{mode:10} {error(plain[mode]):.4f}  regularised {error(smooth[mode]):.4f}")

# %%
# Beyond the edge, zeros and the opposite side are wrong guesses, and every wrong guess rings into the picture. Mirrored
# or repeated pixels are better ones.

figure, axes = plt.subplots(2, 5, figsize=(11, 5.4), layout="constrained")
columns = [("true", truth, "blurred", blurred)]
columns += [(f"{mode}, plain", plain[mode], f"{mode}, regularised", smooth[mode]) for mode in MODES]
for (top, bottom), (name, picture, other_name, other) in zip(axes.T, columns, strict=True):
    for axis, title, shown in ((top, name, picture), (bottom, other_name, other)):
        axis.imshow(shown[0], cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
plt.show()

# %%
# Checks
# ------
#
# The numbers bear the pictures out, and on a circle, where the Fourier transform solves the problem exactly, the
# iteration arrives at the same picture.

assert all(error(smooth[mode]) < error(plain[mode]) for mode in MODES)
assert max(error(smooth["replicate"]), error(smooth["reflect"])) < 0.75 * error(blurred)
assert max(error(smooth["replicate"]), error(smooth["reflect"])) < min(
    error(smooth["zeros"]), error(smooth["circular"])
)

transfer = np.fft.fft2(model(kernels, "circular").apply(np.eye(1, truth.size).reshape(truth.shape)))
exact = np.fft.ifft2((transfer.conj() * np.fft.fft2(wanted)).sum(axis=0) / (abs(transfer) ** 2).sum(axis=0)).real
iterated = lsmr(model(kernels, "circular"), wanted.ravel(), atol=1e-10, btol=1e-10, maxiter=150)[0]
np.testing.assert_allclose(iterated.reshape(exact.shape), exact, rtol=0, atol=1e-6)
