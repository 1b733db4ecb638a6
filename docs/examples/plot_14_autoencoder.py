"""
Training a convolutional autoencoder
====================================

Gradients and a SciPy optimiser are enough to train a small network, with no deep-learning package installed. An
encoder of two convolutions squeezes 16 x 16 patches of a photograph into a fourth of their numbers, and a decoder of
two transposed convolutions rebuilds them.
"""

# %%
# Patches of a photograph
# -----------------------

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from scipy.optimize import minimize

from npconvt import conv2d, conv_transpose2d, fold, grad, unfold

photo = plt.imread(get_sample_data("grace_hopper.jpg", asfileobj=False)).mean(axis=-1) / 255
small = conv2d(photo[None, :576, :512], np.full((1, 1, 4, 4), 1 / 16), stride=4)  # shape (1, 144, 128)
patches = unfold(small - small.mean(), 16, stride=16).T.reshape(-1, 1, 16, 16)  # 72 patches

# %%
# The network
# -----------
#
# Each layer is a kernel and a bias. The stride halves the picture in the encoder and doubles it in the decoder, whose
# four taps keep the overlaps even. Between the layers stands a tanh; SciPy sees one long vector of parameters.

SHAPES = [(8, 1, 4, 4), (8,), (4, 8, 4, 4), (4,), (4, 8, 4, 4), (8,), (8, 1, 4, 4), (1,)]
LAYER = {"stride": 2, "padding": 1}


def split(theta):
    """The parameters as arrays."""
    ends = np.cumsum([np.prod(shape) for shape in SHAPES])
    return [part.reshape(shape) for part, shape in zip(np.split(theta, ends[:-1]), SHAPES, strict=True)]


def forward(theta, x):
    """The rebuilt patches, and what each layer was given."""
    w1, b1, w2, b2, w3, b3, w4, b4 = split(theta)
    h1 = np.tanh(conv2d(x, w1, b1, **LAYER))
    h2 = np.tanh(conv2d(h1, w2, b2, **LAYER))
    h3 = np.tanh(conv_transpose2d(h2, w3, b3, **LAYER))
    return conv_transpose2d(h3, w4, b4, **LAYER), (x, h1, h2, h3)


def loss_and_gradient(theta, x):
    """The mean squared error, and its gradient in the parameters, layer by layer from the last to the first."""
    w1, _, w2, _, w3, _, w4, _ = split(theta)
    rebuilt, (x, h1, h2, h3) = forward(theta, x)
    difference = rebuilt - x

    g4 = 2 * difference / difference.size
    g3 = grad.conv_transpose_input(h3.shape, w4, g4, **LAYER) * (1 - h3**2)
    g2 = grad.conv_transpose_input(h2.shape, w3, g3, **LAYER) * (1 - h2**2)
    g1 = grad.conv_input(h1.shape, w2, g2, **LAYER) * (1 - h1**2)
    parts = [
        grad.conv_weight(x, w1.shape, g1, **LAYER),
        g1.sum(axis=(0, 2, 3)),
        grad.conv_weight(h1, w2.shape, g2, **LAYER),
        g2.sum(axis=(0, 2, 3)),
        grad.conv_transpose_weight(h2, w3.shape, g3, **LAYER),
        g3.sum(axis=(0, 2, 3)),
        grad.conv_transpose_weight(h3, w4.shape, g4, **LAYER),
        g4.sum(axis=(0, 2, 3)),
    ]
    return np.mean(difference**2), np.concatenate([part.ravel() for part in parts])


def train(objective, theta, steps):
    """Minimise by L-BFGS, with a memory of all steps; returns the parameters and the loss after each step."""
    losses = [objective(theta, patches)[0]]
    found = minimize(
        objective,
        theta,
        args=(patches,),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps, "maxfun": 10 * steps, "maxcor": steps, "ftol": 0, "gtol": 0},
        callback=lambda intermediate_result: losses.append(intermediate_result.fun),
    )
    return found.x, np.array(losses)


rng = np.random.default_rng(0)
start = np.concatenate([0.15 * rng.standard_normal(int(np.prod(shape))) * (len(shape) > 1) for shape in SHAPES])

# %%
# The gradient is right: along a random direction it says how the loss changes.

direction = rng.standard_normal(len(start))
step = 1e-5 * direction
slope = loss_and_gradient(start + step, patches)[0] - loss_and_gradient(start - step, patches)[0]
np.testing.assert_allclose(slope / 2e-5, loss_and_gradient(start, patches)[1] @ direction, rtol=1e-5)

# %%
# Training
# --------
#
# The optimiser remembers every step, so it learns faster, and it forgives more: with a memory of ten steps, the
# default, rounding errors grow until two programs that sum in another order go other ways. With this one, the same
# optimiser on PyTorch's loss and gradients takes the same hundred steps (npconvt's tests compare them all).

STEPS = 100

theta, losses = train(loss_and_gradient, start, STEPS)
print(f"loss {losses[0]:.5f} to {losses[-1]:.5f} in {len(losses) - 1} steps; variance {patches.var():.5f}")

rebuilt = forward(theta, patches)[0]
columns = rebuilt.reshape(len(patches), -1).T
picture = fold(columns, (144, 128), 16, stride=16)[0] + small.mean()

figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
axes[0].semilogy(losses)
axes[0].set(xlabel="step", ylabel="mean squared error", title="loss")
for axis, title, shown in zip(axes[1:], ("photograph", "rebuilt"), (small[0], picture), strict=True):
    axis.imshow(shown, cmap="gray", vmin=0, vmax=1)
    axis.set_title(title)
    axis.axis("off")
plt.show()

# %%
# No step went up, and less than a twentieth of the picture's variance is left.

assert (np.diff(losses) <= 0).all()
assert losses[-1] < 0.05 * patches.var()
