"""The command ``npconvt``: cases and shapes from the shell.

A subcommand is one function that adds its parser and one that does the work; `_COMMANDS` lists the first kind. A user's
mistake is one sentence on stderr and exit code 2, a result is written whole or not at all, and a command imports no
more than it needs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from npconvt import __version__

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from npconvt._case import Case

AGREES, DIFFERS, UNUSABLE = 0, 1, 2
INTERRUPTED = 130  # what a shell reports for a program that was stopped by Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``npconvt``; by default those this process was started with.

    Returns
    -------
    int
        The exit code: 0 done, or the two results agree; 1 they differ; 2 unusable input.

    Examples
    --------
    >>> main(["--version"])
    npconvt 0...
    0
    """
    try:
        try:
            options = _parser().parse_args(argv)
            code: int = options.run(options)
        except SystemExit as done:  # argparse's way of returning after --help, --version or an error it has printed
            code = int(done.code or 0)
        if sys.stdout is not None:  # it is None where a shell closed it: `npconvt info ... >&-`
            sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has left: `npconvt info ... | head -1`
        _flush_or_drop()
        return AGREES
    except KeyboardInterrupt:
        return INTERRUPTED
    except (OSError, ValueError, TypeError, MemoryError, ImportError) as error:
        print(f"npconvt: {_sentence(error)}", file=sys.stderr)
        _flush_or_drop()
        return UNUSABLE
    return code


def _flush_or_drop() -> None:
    """Write what is left for stdout, or drop it where that fails, so that Python does not fail on it at its end."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = "input or output" if error.filename is None else error.filename or "''"
        return f"{name}: {error.strerror}."
    if isinstance(error, MemoryError) and not str(error):
        return "There is not enough memory for this."
    return " ".join(str(error).split()).rstrip(".") + "."


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(allow_abbrev=False, **keywords)

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Print help and version; argparse's own method says nothing where a device is full."""
        stream = file or sys.stderr
        if stream is not None:
            stream.write(message)

    def error(self, message: str) -> NoReturn:
        if "expected one argument" in message:
            message += " (a value that starts with a minus sign is written with '=': --padding=-1,0)"
        self.exit(UNUSABLE, f"{self.prog}: {message}. See {self.prog} --help.\n")


def _parser() -> _Parser:
    parser = _Parser(prog="npconvt", description="Convolution and transposed convolution, and the matrix behind both.")
    parser.add_argument("--version", action="version", version=f"npconvt {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command", parser_class=_Parser)
    for add in _COMMANDS:
        add(commands)
    return parser


# --- what is typed ---------------------------------------------------------------------------------------------------


def _ints(text: str) -> tuple[int, ...]:
    """``1,64,32,32``."""
    try:
        return tuple(int(size) for size in text.split(","))
    except ValueError:
        msg = f"must be ints with commas between them, as in 1,3,32,32, but is {text!r}"
        raise argparse.ArgumentTypeError(msg) from None


def _per_axis(text: str) -> int | tuple[int, ...]:
    """``2`` or ``2,1``."""
    values = _ints(text)
    return values[0] if len(values) == 1 else values


def _padding(text: str) -> Any:
    """``1`` or ``1,2`` or ``0:1,2:2`` or a word."""
    if text.isidentifier():
        return text
    try:
        axes = [tuple(int(amount) for amount in axis.split(":")) for axis in text.split(",")]
    except ValueError:
        axes = [()]
    if not all(len(axis) in (1, 2) for axis in axes):
        msg = f"must be an int, ints (1,0), pairs (0:1,2:2), valid, same or same_lower, but is {text!r}"
        raise argparse.ArgumentTypeError(msg)
    values = tuple(axis[0] if len(axis) == 1 else axis for axis in axes)
    return values[0] if len(values) == 1 and isinstance(values[0], int) else values


_PARAMS: dict[str, tuple[Callable[[str], Any], str, str]] = {
    "stride": (_per_axis, "S", "step of the kernel, for all axes or one per axis: 2 or 2,1"),
    "padding": (
        _padding,
        "P",
        "1, or per axis 1,0, or before:after 0:1,2:2, or a word: valid, same, same_lower",
    ),
    "output_padding": (_per_axis, "P", "transposed: rows and columns more at the end"),
    "output_size": (_per_axis, "H,W", "transposed: the spatial size to return, in place of output_padding"),
    "dilation": (_per_axis, "D", "distance of the kernel's taps"),
    "groups": (int, "G", "blocks of channels that do not mix"),
    "padding_mode": (str, "MODE", "zeros, reflect, replicate or circular"),
}


def _add_params(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a call; those that are not given stay out of the namespace."""
    parser.add_argument("op", help="conv1d, conv2d, conv3d, conv, conv_transpose1d, ...")
    group = parser.add_argument_group("parameters of the call")
    for name, (kind, metavar, text) in _PARAMS.items():
        option = f"--{name.replace('_', '-')}"
        group.add_argument(option, dest=name, type=kind, metavar=metavar, help=text, default=argparse.SUPPRESS)


def _params(options: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if name in _PARAMS}


def _add_case_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="case.npz", help="a case file, as `npconvt case` writes it")


def _add_output(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    parser.add_argument("-o", dest="out", metavar=name, required=True, help=text)


# --- the commands ----------------------------------------------------------------------------------------------------


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser("demo", help="a worked example, and a photograph through convolutions")
    parser.add_argument("-o", dest="out", metavar="demo.png", default="npconvt-demo.png", help="the picture to write")
    parser.set_defaults(run=_demo)


def _demo(options: argparse.Namespace) -> int:
    from npconvt import _demo

    _demo.run(options.out)
    return AGREES


def _add_info(commands: Any) -> None:
    parser = commands.add_parser("info", help="shapes, matrix size and cost of a call, before it runs")
    _add_params(parser)
    parser.add_argument("--input", type=_ints, required=True, metavar="N,C,H,W", help="shape of the input")
    parser.add_argument("--weight", type=_ints, required=True, metavar="O,I,H,W", help="shape of the weight")
    parser.set_defaults(run=_info)


def _info(options: argparse.Namespace) -> int:
    import numpy as np

    from npconvt._case import geometry_of, result_shape, table
    from npconvt._methods import describe

    geometry = geometry_of(options.op, options.input, options.weight, _params(options), caller="info")
    result = result_shape(options.op, options.input, geometry)
    shapes = {"call": options.op, "input": str(options.input), "weight": str(options.weight), "result": str(result)}
    batch = options.input[0] if len(options.input) == len(options.weight) else 1
    transposed = options.op.startswith("conv_transpose")
    roads = {
        name: describe(geometry, np.dtype(name), batch=batch, transposed=transposed) for name in ("float32", "float64")
    }
    print(table(shapes | roads))
    print(f"\n{geometry}")
    return AGREES


def _add_run(commands: Any) -> None:
    parser = commands.add_parser("run", help="compute a case")
    _add_case_file(parser)
    _add_output(parser, "y.npy", "the array to write")
    parser.add_argument("--method", metavar="NAME", help="how to compute it: auto (default), matrix, ...")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    import numpy as np

    from npconvt._case import write_whole

    y = _load(options.case).expected(method=options.method)
    write_whole(options.out, lambda file: np.save(file, y))
    print(f"wrote {options.out}: {y.shape} {y.dtype}")
    return AGREES


def _add_matrix(commands: Any) -> None:
    parser = commands.add_parser("matrix", help="write the kernel matrix of a case (scipy.sparse.load_npz reads it)")
    _add_case_file(parser)
    _add_output(parser, "A.npz", "the matrix to write")
    parser.add_argument("--plot", metavar="A.png", help="write a picture of it, too")
    parser.set_defaults(run=_matrix)


def _matrix(options: argparse.Namespace) -> int:
    import scipy.sparse

    from npconvt import kernel_matrix
    from npconvt._case import write_whole

    _check_picture("matrix", options.plot)
    case = _load(options.case)
    params = {name: value for name, value in case.params.items() if name != "method"}
    shape = case.input.shape[1 - case.weight.ndim :]  # without the batch axis
    A = kernel_matrix(case.weight, shape, transposed=case.transposed, channels=True, **params)
    write_whole(options.out, lambda file: scipy.sparse.save_npz(file, A))
    bias = "" if case.bias is None else "; the bias is not part of it"
    print(f"wrote {options.out}: {A.shape[0]} x {A.shape[1]} {A.dtype}, {A.nnz} entries{bias}")
    if options.plot is not None:
        from npconvt._draw import save_matrix

        save_matrix(options.plot, case, shape, params)
        print(f"wrote {options.plot}")
    return AGREES


def _add_draw(commands: Any) -> None:
    parser = commands.add_parser("draw", help="draw the arithmetic of a call, step by step")
    _add_params(parser)
    parser.add_argument("--input", type=_ints, required=True, metavar="N,C,H,W", help="shape of the input")
    parser.add_argument("--weight", type=_ints, required=True, metavar="O,I,H,W", help="shape of the weight")
    parser.add_argument("--step", type=int, metavar="I", help="draw this step only, counted from 0")
    parser.add_argument("--view", choices=("gather", "scatter"), help="transposed: one output a step, or one input")
    _add_output(parser, "steps.gif", "the film (.gif), or the sheet (.png, .svg, .pdf) to write")
    parser.set_defaults(run=_draw)


def _draw(options: argparse.Namespace) -> int:
    from npconvt._case import geometry_of
    from npconvt._draw import save_steps

    geometry = geometry_of(options.op, options.input, options.weight, _params(options), caller="draw")
    transposed = options.op.startswith("conv_transpose")
    drawn = save_steps(options.out, geometry, transposed=transposed, view=options.view, step=options.step)
    print(f"wrote {options.out}: {drawn}")
    return AGREES


def _add_case(commands: Any) -> None:
    parser = commands.add_parser("case", help="make a case file of one's own arrays")
    _add_params(parser)
    parser.add_argument("--input", required=True, metavar="x.npy", help="the input")
    parser.add_argument("--weight", required=True, metavar="w.npy", help="the weight")
    parser.add_argument("--bias", metavar="b.npy", help="the bias")
    parser.add_argument("--output", metavar="y.npy", help="the result somebody got, which `npconvt check` explains")
    _add_output(parser, "case.npz", "the case to write")
    parser.set_defaults(run=_case)


def _case(options: argparse.Namespace) -> int:
    from npconvt._case import Case, read_array

    paths = {name: getattr(options, name) for name in ("input", "weight", "bias", "output")}
    arrays = {name: read_array(path) for name, path in paths.items() if path is not None}
    case = Case(options.op, params=_params(options), **arrays)
    case.save(options.out)
    print(f"{case}\nwrote {options.out}")
    return AGREES


def _add_probe(commands: Any) -> None:
    parser = commands.add_parser("probe", help="make a case that tells the causes of a difference apart")
    _add_params(parser)
    parser.add_argument("--input", type=_ints, required=True, metavar="N,C,H,W", help="shape of the input")
    parser.add_argument("--weight", type=_ints, required=True, metavar="O,I,H,W", help="shape of the weight")
    parser.add_argument("--kind", default="convention", help="convention (default), precision, overflow or conjugate")
    parser.add_argument("--bias", action="store_true", help="add a bias")
    parser.add_argument("--dtype", help="of the arrays: float32, ...")
    parser.add_argument("--seed", type=int, default=0, metavar="I", help="of the random numbers")
    _add_output(parser, "case.npz", "the case to write")
    parser.set_defaults(run=_probe)


def _probe(options: argparse.Namespace) -> int:
    from npconvt import probe
    from npconvt._crosscheck.probe import separation

    chosen = {name: getattr(options, name) for name in ("kind", "bias", "dtype", "seed")}
    case = probe(options.op, options.input, options.weight, **chosen, **_params(options))
    case.save(options.out)
    print(f"{case}\n\n{separation(case)}\n\nwrote {options.out}")
    return AGREES


def _add_check(commands: Any) -> None:
    parser = commands.add_parser("check", help="say whether a result agrees with a case, and if not, why")
    _add_case_file(parser)
    parser.add_argument("result", nargs="?", metavar="y.npy", help="the result; by default the case's own output")
    parser.add_argument("--normwise", action="store_true", help="allow what sums by FFT or Winograd can make")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--plot", metavar="err.png", help="write a picture of the error over its bound, too")
    parser.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from npconvt import crosscheck
    from npconvt._case import read_array

    _check_picture("check", options.plot)
    actual = None if options.result is None else read_array(options.result)
    report = crosscheck(_load(options.case), actual, normwise=options.normwise)
    print(report.to_json() if options.json else report)
    if options.plot is not None:
        from npconvt._draw import save_report

        save_report(options.plot, report)
        print(f"wrote {options.plot}", file=sys.stderr if options.json else sys.stdout)
    return AGREES if report.ok else DIFFERS


def _check_picture(command: str, path: str | None) -> None:
    """Refuse a picture before anything is computed or written."""
    if path is not None:
        from npconvt._draw import check_picture

        check_picture(command, path)


def _load(path: str) -> Case:
    from npconvt._case import Case

    return Case.load(path)


_COMMANDS: tuple[Callable[[Any], None], ...] = (
    _add_demo,
    _add_info,
    _add_run,
    _add_matrix,
    _add_draw,
    _add_case,
    _add_probe,
    _add_check,
)
