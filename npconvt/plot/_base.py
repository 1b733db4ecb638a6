"""What the pictures share: axes to draw on, colours, and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npconvt import _arguments as arguments
from npconvt._geometry import ConvGeometry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours ("Color universal design", 2008), which differ in lightness too.
ORANGE, SKY, GREEN, BLUE, VERMILLION = "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00"
INK, GREY, PALE = "#222222", "#8c8c8c", "#ededed"
LIGHT_SKY = "#c4e5f8"  # told from orange in grey print, too

SEQUENTIAL = "cividis"
DIVERGING = "PuOr_r"


def new_axes(width: float, height: float) -> Axes:
    """Return the axes of a new figure of this size, in inches."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def check_axes(call: str, ax: object) -> None:
    """Refuse what nothing can be drawn on; None is a new figure."""
    from matplotlib.axes import Axes

    if not (ax is None or isinstance(ax, Axes)):
        msg = f"{call}: ax must be a matplotlib Axes, but got {arguments.shown(ax)}."
        raise TypeError(msg)


def check_figure(call: str, figure: object, *, whole: bool = False) -> None:
    """Refuse what nothing can be drawn on, as is a part of a figure where a whole one is needed; None is a new one."""
    from matplotlib.figure import Figure, FigureBase

    if not (figure is None or isinstance(figure, Figure if whole else FigureBase)):
        wanted = "a matplotlib Figure" if whole else "a matplotlib Figure or SubFigure"
        msg = f"{call}: figure must be {wanted}, but got {arguments.shown(figure)}."
        raise TypeError(msg)


def new_figure(width: float, height: float) -> Figure:
    """Return a new figure of this size, in inches."""
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained")


def check_flat(call: str, geometry: ConvGeometry) -> None:
    """Refuse what cannot be drawn on paper: more than two spatial axes, or none."""
    if not isinstance(geometry, ConvGeometry):
        msg = f"{call}: geometry must be a ConvGeometry, but is a {type(geometry).__name__}."
        raise TypeError(msg)
    if geometry.ndim not in (1, 2):
        msg = f"{call}: geometry must have one or two spatial axes, but has {geometry.ndim}."
        raise ValueError(msg)


def as_image(values: NDArray[Any]) -> NDArray[Any]:
    """Return the values of a 1-D or 2-D picture with two axes."""
    return values.reshape(1, -1) if values.ndim == 1 else values


def number(value: Any) -> str:
    """Return a number in few characters."""
    value = np.asarray(value)[()]
    if np.iscomplexobj(value):
        return f"{value:.3g}"
    return f"{int(value)}" if value == np.trunc(value) and abs(value) < 1e6 else f"{value:.3g}"


def normalise(values: NDArray[Any]) -> tuple[str, float, float]:
    """Return a colour map and its limits: diverging around zero where there are negative numbers."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if low < 0:
        limit = max(-low, high)
        return DIVERGING, -limit, limit
    return SEQUENTIAL, min(low, 0.0), high if high > 0 else 1.0
