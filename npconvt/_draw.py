"""The pictures that the command line writes."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from npconvt._case import StrPath, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from npconvt._case import Case
    from npconvt._crosscheck.report import Report
    from npconvt._geometry import ConvGeometry

_SUFFIXES = (".gif", ".png", ".svg", ".pdf")
_MAX_FRAMES = 1000


def check_picture(command: str, path: StrPath) -> None:
    """Refuse a picture that cannot be written, before anything else is."""
    _without_window()
    from matplotlib.backend_bases import FigureCanvasBase

    suffixes = [f".{name}" for name in sorted(FigureCanvasBase.get_supported_filetypes())]
    if Path(path).suffix.lower() not in ("", *suffixes):
        msg = f"{command}: the picture must end in {', '.join(suffixes)}, but is {path}."
        raise ValueError(msg)


def save_steps(path: StrPath, geometry: ConvGeometry, *, transposed: bool, view: str | None, step: int | None) -> str:
    """Write the steps of a convolution: a film as a GIF, a sheet or one step otherwise. Return what was drawn."""
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        msg = f"draw: the file must end in {', '.join(_SUFFIXES)}, but is {path}."
        raise ValueError(msg)
    _without_window()
    from npconvt import plot
    from npconvt.plot._arithmetic import number_of_steps

    if step is not None:
        figure = plot.arithmetic(geometry, step, transposed=transposed, view=view).figure
        save_figure(path, figure, suffix)
        return f"step {step}"
    if suffix != ".gif":
        figure = plot.steps(geometry, transposed=transposed, view=view)
        save_figure(path, figure, suffix)
        return f"{len(figure.axes)} steps"
    frames = number_of_steps("draw", geometry, transposed=transposed, view=view)
    if frames > _MAX_FRAMES:
        msg = f"draw: a film must have at most {_MAX_FRAMES} steps, but has {frames}. Draw a smaller input, or a .png."
        raise ValueError(msg)
    film = plot.animation(geometry, transposed=transposed, view=view)
    with TemporaryDirectory() as folder:
        draft = Path(folder, "steps.gif")
        film.save(draft, writer="pillow", dpi=80, progress_callback=_progress)
        write_whole(path, lambda file: file.write(draft.read_bytes()))
    return f"{frames} steps"


def save_matrix(path: StrPath, case: Case, input_shape: tuple[int, ...], params: dict[str, Any]) -> None:
    """Write the picture of a case's kernel matrix."""
    _without_window()
    from npconvt import plot

    figure = plot.kernel_matrix(case.weight, input_shape, transposed=case.transposed, channels=True, **params)
    save_figure(path, figure, Path(path).suffix.lower())


def save_report(path: StrPath, report: Report) -> None:
    """Write the picture of a cross-check."""
    _without_window()
    from npconvt import plot

    save_figure(path, plot.report(report), Path(path).suffix.lower())


def save_figure(path: StrPath, figure: Any, suffix: str) -> None:
    """Write a figure in the format that the suffix names, PNG where there is none."""
    drawn: Figure = figure
    write_whole(path, lambda file: drawn.savefig(file, format=suffix[1:] or "png", dpi=120))


def _without_window() -> None:
    """Choose the backend that needs no screen."""
    try:
        import matplotlib
    except ImportError:
        msg = "The picture needs matplotlib, which `pip install 'npconvt[plot]'` brings."
        raise ImportError(msg) from None
    matplotlib.use("Agg")


def _progress(frame: int, total: int | None) -> None:
    """Tell a person at a terminal how far a film is; a pipe or a file gets nothing."""
    if sys.stderr.isatty():
        end = "\n" if total is not None and frame + 1 >= total else ""
        print(f"\rdrawing step {frame + 1} of {total}", end=end, file=sys.stderr, flush=True)
