"""The examples of the gallery run, with their own assertions, and one of them trains as torch does."""

import runpy
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from numpy.testing import assert_allclose

EXAMPLES = sorted((Path(__file__).parents[1] / "docs" / "examples").glob("plot_*.py"))


@pytest.fixture(autouse=True)
def no_window():
    """Figures are drawn, but not shown, and closed."""
    import matplotlib.pyplot as plt

    before = matplotlib.get_backend()
    plt.switch_backend("Agg")
    with np.errstate(all="raise", under="ignore"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(plt, "show", lambda: [figure.canvas.draw() for figure in map(plt.figure, plt.get_fignums())])
        yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.mark.parametrize("path", [p for p in EXAMPLES if "autoencoder" not in p.name], ids=lambda p: p.stem)
def test_example(path):
    runpy.run_path(str(path), run_name="__main__")


def test_the_autoencoder_trains_as_torch_does(torch):
    """The same optimiser on torch's loss and autograd: the two loss curves are one, step by step."""
    (path,) = (p for p in EXAMPLES if "autoencoder" in p.name)
    example = runpy.run_path(str(path), run_name="__main__")
    F, layer = torch.nn.functional, example["LAYER"]

    def objective(theta, patches):
        parameters = [torch.tensor(part, requires_grad=True) for part in example["split"](theta)]
        w1, b1, w2, b2, w3, b3, w4, b4 = parameters
        x = torch.tensor(patches)
        h = torch.tanh(F.conv2d(x, w1, b1, **layer))
        h = torch.tanh(F.conv2d(h, w2, b2, **layer))
        h = torch.tanh(F.conv_transpose2d(h, w3, b3, **layer))
        loss = F.mse_loss(F.conv_transpose2d(h, w4, b4, **layer), x)
        loss.backward()
        return loss.item(), np.concatenate([p.grad.numpy().ravel() for p in parameters])

    start, patches, losses = (example[name] for name in ("start", "patches", "losses"))
    value, gradient = example["loss_and_gradient"](start, patches)
    expected, expected_gradient = objective(start, patches)
    assert_allclose(value, expected, rtol=1e-13)
    assert_allclose(gradient, expected_gradient, rtol=0, atol=1e-14)

    # Along the way rounding grows, to 1e-9 or less at the end on several builds of BLAS; in plain descent it does not.
    _, theirs = example["train"](objective, start, example["STEPS"])
    assert len(theirs) == len(losses) == 101
    assert_allclose(losses[:61], theirs[:61], rtol=1e-9)
    assert_allclose(losses, theirs, rtol=1e-6)
    assert_allclose(descent(example["loss_and_gradient"], start, patches), descent(objective, start, patches), 1e-12)


def descent(objective, theta, patches):
    """The loss after each of many steps down the gradient, with momentum."""
    losses, velocity = [], 0
    for _ in range(40):
        loss, gradient = objective(theta, patches)
        losses.append(loss)
        velocity = 0.9 * velocity - 0.1 * gradient
        theta = theta + velocity
    assert losses[-1] < 0.5 * losses[0]
    return losses
