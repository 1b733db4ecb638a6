"""A cross-check as a picture: what was expected, what came, and the error over its bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from npconvt.plot._base import DIVERGING, PALE, check_figure, new_figure, normalise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LARGEST_RATIO = 1e6  # beyond this an error is simply wrong, and one colour will do


@runtime_checkable
class _Report(Protocol):
    """The part of a `Report` that is drawn."""

    @property
    def op(self) -> str: ...
    @property
    def verdict(self) -> str: ...
    @property
    def expected(self) -> NDArray[Any] | None: ...
    @property
    def actual(self) -> NDArray[Any] | None: ...
    @property
    def bound_ratio(self) -> NDArray[Any] | None: ...


def report(report: _Report, *, figure: Figure | None = None) -> Figure:
    """Draw a cross-check: expected, actual, and the error of each pixel over its rounding bound.

    Of a result with more than two axes the plane with the largest ratio is drawn. A ratio of one is where rounding
    stops being an explanation: it is the middle of the colour scale, which is logarithmic.

    Parameters
    ----------
    report : Report
        From `crosscheck`.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new one.

    Returns
    -------
    matplotlib.figure.Figure
        With axes labelled "expected", "actual" and "ratio".

    Raises
    ------
    TypeError
        Where it is no report, or `figure` no figure.
    ValueError
        Where the report holds no arrays.

    Examples
    --------
    >>> from npconvt import Case, crosscheck, plot
    >>> case = Case("conv1d", [[1, 2, 3]], [[[1, 10]]])
    >>> figure = plot.report(crosscheck(case, [[21, 33]]))
    >>> figure.axes[2].get_title()
    'error / bound: 1 of 2 beyond'
    """
    check_figure("plot.report", figure)
    if not isinstance(report, _Report):
        msg = f"plot.report: report must be a Report, as crosscheck returns it, but is a {type(report).__name__}."
        raise TypeError(msg)
    expected, actual, ratio = report.expected, report.actual, report.bound_ratio
    if actual is None:
        msg = "plot.report: report must hold the arrays it compared, but holds none."
        raise ValueError(msg)
    if figure is None:
        figure = new_figure(11.0, 4.0)
    axes = dict(zip(("expected", "actual", "ratio"), figure.subplots(1, 3), strict=True))
    plane = _worst_plane(actual if ratio is None else ratio)
    both = [_real(values) for values in (expected, actual) if values is not None and values.size]
    scale = normalise(np.concatenate([values.ravel() for values in both]) if both else np.zeros(1))
    for name, values in (("expected", expected), ("actual", actual)):
        _draw(axes[name], name, values, plane, scale)
    _draw_ratio(axes["ratio"], ratio, plane)
    where = "" if not any(plane) and actual.ndim <= 2 else f", plane {plane}"
    figure.suptitle(f"{report.op}: {report.verdict}{where}", fontsize=11)
    return figure


def _real(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.abs(values) if np.iscomplexobj(values) else values, np.float64)


def _worst_plane(ratio: NDArray[Any]) -> tuple[int, ...]:
    """Return the leading indices of the plane with the largest value."""
    if ratio.ndim <= 2 or not ratio.size:
        return (0,) * max(0, ratio.ndim - 2)
    worst = int(np.argmax(np.nan_to_num(np.abs(ratio), nan=np.inf, posinf=np.inf)))
    return tuple(int(i) for i in np.unravel_index(worst, ratio.shape)[:-2])


def _image(values: NDArray[Any], plane: tuple[int, ...]) -> NDArray[Any]:
    """Return a plane of the values with two axes."""
    values = np.atleast_2d(values)
    inside = len(plane) == values.ndim - 2 and all(p < n for p, n in zip(plane, values.shape, strict=False))
    return np.asarray(values[plane if inside else (0,) * (values.ndim - 2)])


def _draw(
    ax: Axes, name: str, values: NDArray[Any] | None, plane: tuple[int, ...], scale: tuple[str, float, float]
) -> None:
    ax.set_label(name)
    if values is None or not values.size:
        ax.set_title(f"{name}: nothing", fontsize=10)
        ax.set_axis_off()
        return
    cmap, low, high = scale
    image = _image(_real(values), plane)
    picture = ax.imshow(image, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    others = image.size - int(np.isfinite(image).sum())
    ax.set_title(f"{name} {values.shape}" + (f"\n{others} of {image.size} NaN or inf" if others else ""), fontsize=10)
    _finish(ax, picture)


def _finish(ax: Axes, picture: Any) -> None:
    """Label positions by whole numbers, and colours by a bar."""
    from matplotlib.ticker import MaxNLocator

    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    ax.tick_params(labelsize=7)
    ax.figure.colorbar(picture, ax=ax, shrink=0.7)


def _draw_ratio(ax: Axes, ratio: NDArray[Any] | None, plane: tuple[int, ...]) -> None:
    import matplotlib
    from matplotlib.colors import LogNorm

    ax.set_label("ratio")
    if ratio is None or not ratio.size:
        ax.set_title("the shapes differ", fontsize=10, y=0.5)
        ax.set_axis_off()
        return
    values = np.nan_to_num(_image(np.asarray(ratio, np.float64), plane), nan=np.inf, posinf=np.inf)
    largest = float(np.clip(values[np.isfinite(values)].max(initial=0.0), 1e3, _LARGEST_RATIO))
    shown = np.clip(values, 1 / largest, largest)
    exact = np.ma.masked_array(shown, values == 0)  # grey: no error at all
    cmap = matplotlib.colormaps[DIVERGING].with_extremes(bad=PALE)
    picture = ax.imshow(exact, cmap=cmap, norm=LogNorm(1 / largest, largest), interpolation="nearest")
    beyond = int((values > 1).sum())
    ax.set_title(f"error / bound: {beyond} of {values.size} beyond", fontsize=10)
    _finish(ax, picture)
