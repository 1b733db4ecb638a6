"""``npconvt demo``: the one idea of the library on 16 pixels, then on a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from npconvt import conv2d, conv_transpose2d, crosscheck, kernel_matrix, probe
from npconvt._case import StrPath, write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Image = NDArray[Any]

INK = "#1a1a1a"


def run(path: StrPath) -> None:
    """Print the worked example and a mistake found, take the photograph through the same calls, write it to `path`."""
    print(worked_example())
    journey = travel(photograph())
    print(f"\n{adjoint_lines(journey)}")
    suffix = Path(path).suffix.lower()[1:] or "png"
    write_whole(path, lambda file: draw(journey, file, suffix))
    print(f"\nwrote {path}: the photograph, its blur, and two enlargements by a transposed convolution")
    print(f"\n{planted_mistake()}")


# --- 16 pixels -------------------------------------------------------------------------------------------------------


def worked_example() -> str:
    """A 4x4 input and a 3x3 kernel, with the matrix that does both directions."""
    x = np.arange(16).reshape(4, 4)
    w = np.arange(9).reshape(3, 3)
    A = kernel_matrix(w, x.shape)
    y = (A @ x.ravel()).reshape(2, 2)
    back = (A.T @ y.ravel()).reshape(4, 4)
    _require(np.array_equiv(y, conv2d(x[None], w[None, None])[0]))
    _require(np.array_equiv(back, conv_transpose2d(y[None], w[None, None])[0]))
    parts = [
        "A convolution is a matrix A; the transposed convolution is its transpose.",
        "",
        beside({"input x": grid(x), "kernel w": grid(w)}),
        "",
        f"kernel matrix A, {A.shape[0]} x {A.shape[1]}: a row per output pixel, a column per input pixel, . not stored",
        grid(A.toarray(), stored=pattern(A)),
        "",
        beside({"conv2d(x, w) = A x": grid(y), "conv_transpose2d(y, w) = A.T y, with y = A x": grid(back)}),
    ]
    return "\n".join(parts)


def pattern(A: Any) -> Image:
    """Where the matrix has entries; a zero tap is one too."""
    ones = A.copy()
    ones.data = np.ones_like(ones.data)
    return np.asarray(ones.toarray(), dtype=bool)


def grid(values: Image, stored: Image | None = None) -> str:
    """A table of ints, right-aligned in columns of one width; a point where nothing is stored."""
    there = np.full(values.shape, True) if stored is None else stored
    cells = np.where(there, values.astype(str), ".")
    width = max(map(len, cells.flat))
    return "\n".join("  " + " ".join(f"{cell:>{width}}" for cell in row) for row in cells)


def beside(blocks: dict[str, str]) -> str:
    """Text blocks side by side, each under its heading."""
    columns = [[heading, *text.splitlines()] for heading, text in blocks.items()]
    widths = [max(map(len, column)) for column in columns]
    rows = zip_longest(*columns, fillvalue="")
    return "\n".join("    ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


# --- a mistake -------------------------------------------------------------------------------------------------------


def planted_mistake() -> str:
    """A probe, run by somebody who makes a mistake that no shape shows, and the report that explains it."""
    case = probe("conv_transpose2d", (1, 2, 5, 6), (2, 3, 3, 4), stride=2, padding=1, output_padding=1)
    # The same size cut from the full result one row further up: output_padding taken for padding at the start.
    full = conv_transpose2d(case.input, case.weight, stride=2)
    mistaken = full[:, :, 0:10, 0:13]
    report = crosscheck(case, mistaken)
    _require(case.expected().shape == mistaken.shape and not report.ok)
    return f"A mistake that no shape shows: the result is cut one pixel too early. The report on it:\n\n{report}"


# --- the photograph --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Journey:
    """The photograph and what became of it; images are (channel, row, column), integers."""

    photo: Image
    blurred: Image
    back: Image  # the transpose applied to the blurred one
    detail: Image
    uneven: Image  # detail enlarged, kernel 3 at stride 2
    even: Image  # detail enlarged, kernel 4 at stride 2
    inner_products: dict[str, tuple[int, int]]  # <y, A x> and <Aᵀ y, x>, per map


def photograph() -> Image:
    """The public-domain portrait of Grace Hopper that matplotlib ships, every second pixel, as int64."""
    try:
        from matplotlib.cbook import get_sample_data
        from matplotlib.image import imread
    except ImportError:
        msg = "The photograph and the picture need matplotlib, which `pip install 'npconvt[plot]'` brings."
        raise ImportError(msg) from None
    pixels = imread(str(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    return np.ascontiguousarray(pixels[::2, ::2].transpose(2, 0, 1), dtype=np.int64)


def travel(photo: Image) -> Journey:
    """Take the photograph through a blur and its transpose, and a part of it through two enlargements."""
    blur = each_channel(streak(15))
    blurred = conv2d(photo, blur, groups=3)
    back = conv_transpose2d(blurred, blur, groups=3)
    detail = photo[:, 74:122, 84:132]
    box = each_channel(np.ones((3, 3), dtype=np.int64))
    tent = each_channel(np.outer([1, 3, 3, 1], [1, 3, 3, 1]))
    uneven = conv_transpose2d(detail, box, stride=2, padding=1, output_padding=1, groups=3)
    even = conv_transpose2d(detail, tent, stride=2, padding=1, groups=3)
    # Any other image of the size of `even` will do as x of <y, A x> = <Aᵀ y, x>: another part of the photograph.
    x = photo[:, : even.shape[1], : even.shape[2]]
    products = {
        "blur": (inner(blurred, blurred), inner(back, photo)),
        "stride 2": (inner(detail, conv2d(x, tent, stride=2, padding=1, groups=3)), inner(even, x)),
    }
    _require(all(a == b for a, b in products.values()))
    return Journey(photo, blurred, back, detail, uneven, even, products)


def each_channel(kernel: Image) -> Image:
    """The weight that applies one kernel to red, green and blue apart: with groups=3."""
    return np.stack([kernel[None]] * 3)


def streak(size: int) -> Image:
    """A kernel that smears along the diagonal and fades: not symmetric, so its transpose smears the other way."""
    return np.diag(np.arange(size, 0, -1))


def inner(a: Image, b: Image) -> int:
    """<a, b>, exactly."""
    return int((a * b).sum())


def _require(holds: bool) -> None:
    if not holds:
        msg = "The demo found a wrong number: please report it with the versions of numpy and scipy."
        raise AssertionError(msg)


def adjoint_lines(journey: Journey) -> str:
    """The adjoint identity in numbers."""
    names = max(map(len, journey.inner_products))
    lines = ["On a photograph, <y, A x> = <A.T y, x>, to the last digit:"]
    lines += [f"  {name:{names}}  {a:,} = {b:,}" for name, (a, b) in journey.inner_products.items()]
    return "\n".join(lines)


# --- the picture -----------------------------------------------------------------------------------------------------


def draw(journey: Journey, file: IO[bytes], suffix: str = "png") -> None:
    """Write the picture of the journey in the format that a suffix names."""
    from matplotlib.figure import Figure  # the object interface: no window, no global state
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    panels = {
        "photograph x": journey.photo,
        "A x: smeared along the diagonal": journey.blurred,
        "Aᵀ (A x): smeared the other way too": journey.back,
        "detail of x": journey.detail,
        "transposed, stride 2, 3 x 3 ones:\n1, 2 or 4 terms a pixel, hence the grid": journey.uneven,
        "transposed, stride 2, 4 x 4 tent:\nequal weight everywhere, no grid": journey.even,
    }
    # Row heights in the proportion of the images, so that no panel is narrower than its column.
    heights = [image.shape[1] / image.shape[2] for image in (journey.photo, journey.detail)]
    layout = ConstrainedLayoutEngine(h_pad=0.08)
    figure = Figure(figsize=(11, 9.8), dpi=110, layout=layout, facecolor="white")
    axes = figure.subplots(2, 3, gridspec_kw={"height_ratios": heights})
    for ax, (title, image) in zip(axes.flat, panels.items(), strict=True):
        show(ax, title, image)
    figure.suptitle("A convolution and its transpose: one matrix, read in two directions", color=INK, fontsize=15)
    product, _ = journey.inner_products["blur"]
    figure.supxlabel(f"⟨y, A x⟩ = ⟨Aᵀ y, x⟩ = {product:,} exactly, for y = A x", color=INK, fontsize=11)
    figure.savefig(file, format=suffix)


def show(ax: Axes, title: str, image: Image) -> None:
    """One image in one panel, its brightest value white."""
    ax.imshow(image.transpose(1, 2, 0) / max(int(image.max()), 1), interpolation="nearest")
    ax.set_title(f"{title}\n{image.shape[1]} x {image.shape[2]} pixels", color=INK, fontsize=11)
    ax.set_axis_off()
