"""The frozen description of a convolution: integers only, no arrays.

A transposed convolution has no description of its own. It is the transpose of the geometry whose output shape is its
input's, so its formulas are those of the forward convolution, solved for the input size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

from npconvt import _arguments as arguments
from npconvt._axis import Axis, axis_entries, effective_kernel, same_padding, scatter_size, window_count

if TYPE_CHECKING:
    from npconvt._arguments import IntOrInts, Ints, Padding, Pairs

INT32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ConvGeometry:
    """The shape of a convolution: everything about its kernel matrix but the values.

    Build one by `ConvGeometry.conv` or `ConvGeometry.conv_transpose`, from what you would pass to the call. All fields
    are those of the *forward* convolution in either case; sizes are in pixels, spatial axes in the order of the arrays.

    Attributes
    ----------
    in_channels, out_channels, groups : int
        Channels of the forward input and output, and the number of blocks that do not see one another.
    input_size, output_size : tuple of int
        Spatial sizes of the forward input and output. The output size is stored, not computed: a transposed call with
        `output_padding >= stride` keeps fewer windows than fit.
    kernel_size, stride, dilation : tuple of int
        One int per spatial axis.
    padding : tuple of (int, int)
        Amounts before and after, per spatial axis; negative ones crop.
    padding_mode : str
        "zeros", "reflect", "replicate" or "circular".
    plain : bool
        Whether the kernel has no channel axes; then neither have `input_shape` and `output_shape`.

    Examples
    --------
    >>> geometry = ConvGeometry.conv((1, 4, 4), (1, 1, 3, 3))
    >>> geometry.matrix_shape, geometry.nnz
    ((4, 16), 36)

    The geometry of a transposed call is that of the convolution it transposes:

    >>> geometry == ConvGeometry.conv_transpose((1, 2, 2), (1, 1, 3, 3))
    True
    >>> print(geometry)
    ConvGeometry  conv          transposed
    input         (1, 4, 4)     (1, 2, 2)
    output        (1, 2, 2)     (1, 4, 4)
    weight        (1, 1, 3, 3)  (1, 1, 3, 3)
    matrix        4 x 16        16 x 4
    kernel_size   3, 3
    stride        1, 1
    padding       0:0, 0:0
    dilation      1, 1
    groups        1
    padding_mode  zeros
    receptive     3 x 3 pixels
    entries       36            (float64: 452 bytes)
    flops         72            per image
    """

    in_channels: int
    out_channels: int
    groups: int
    input_size: Ints
    output_size: Ints
    kernel_size: Ints
    stride: Ints
    padding: Pairs
    dilation: Ints
    padding_mode: str = "zeros"
    plain: bool = False

    def __post_init__(self) -> None:
        # By hand or by `dataclasses.replace` a field may come in any form, and with any number.
        call = "ConvGeometry"
        for name, value in self._normalised(call).items():
            object.__setattr__(self, name, value)
        for index, axis in enumerate(self.axes):
            fitting = window_count(axis.n, axis.k, axis.s, axis.d, axis.lo, axis.hi)
            arguments.check_axis(call, axis._replace(m=fitting), index)
            arguments.check_windows(call, axis, fitting, index)

    def _normalised(self, call: str) -> dict[str, object]:
        plain = bool(arguments.boolean(call, "plain", self.plain))
        channels = arguments.geometry_channels(call, self.in_channels, self.out_channels, self.groups, plain=plain)
        ndim = len(arguments.shape(call, "input_size", self.input_size))
        fields: dict[str, object] = dict(zip(("in_channels", "out_channels", "groups"), channels, strict=True))
        size, windows, kernel = (
            arguments.geometry_sizes(call, name, getattr(self, name), ndim)
            for name in ("input_size", "output_size", "kernel_size")
        )
        stride, dilation = (
            arguments.per_axis(call, name, getattr(self, name), ndim, 1) for name in ("stride", "dilation")
        )
        padding = arguments.padding_pairs(call, self.padding, ndim)
        return fields | {
            "input_size": size,
            "output_size": windows,
            "kernel_size": kernel,
            "stride": stride,
            "padding": _forward_padding(padding, size, kernel, stride, dilation),
            "dilation": dilation,
            "padding_mode": arguments.padding_mode(call, self.padding_mode),
            "plain": plain,
        }

    @classmethod
    def conv(
        cls,
        input_shape: Sequence[int],
        weight_shape: Sequence[int],
        *,
        stride: IntOrInts = 1,
        padding: Padding = 0,
        dilation: IntOrInts = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        channels: bool | None = None,
    ) -> ConvGeometry:
        """Return the geometry of `conv(input, weight, ...)`.

        Parameters
        ----------
        input_shape : sequence of int
            `(N, C_in, *sp)` or `(C_in, *sp)`; the batch size is no part of the geometry. `sp` alone for a plain kernel.
        weight_shape : sequence of int
            `(C_out, C_in/groups, *k)`; `k` alone for a plain kernel.
        stride, dilation : int or sequence of int
            One per spatial axis, at least 1.
        padding : int, str or sequence
            An int, a word ("valid", "same", "same_lower"), or one int or `(before, after)` pair per spatial axis.
        groups : int
            Number of channel blocks.
        padding_mode : str
            "zeros", "reflect", "replicate" or "circular".
        channels : bool, optional
            False for a plain kernel, True for channel axes. By default a kernel of at most two axes is plain where the
            input has as many, and any other has channel axes.

        Returns
        -------
        ConvGeometry
            With `output_size = floor((n + before + after - dilation*(k - 1) - 1)/stride) + 1` on each axis.

        Raises
        ------
        ValueError
            Where shapes and numbers do not fit one another, with the numbers.
        TypeError
            Where an argument is of the wrong kind.

        Examples
        --------
        >>> ConvGeometry.conv((8, 3, 5, 7), (4, 3, 3, 3), stride=2, padding="same").output_shape
        (4, 3, 4)
        >>> ConvGeometry.conv((1, 3, 3), (4, 3, 2, 2))
        Traceback (most recent call last):
        ...
        ValueError: ConvGeometry.conv: weight of shape (4, 3, 2, 2) with groups=1 needs 3 input channels
        (weight.shape[1] * groups), but input of shape (1, 3, 3) has 1.
        """
        call = "ConvGeometry.conv"
        inputs, weights, plain = _shapes(call, input_shape, weight_shape, channels, batch=True)
        return conv_geometry(call, inputs, weights, stride, padding, dilation, groups, padding_mode, plain=plain)

    @classmethod
    def conv_transpose(
        cls,
        input_shape: Sequence[int],
        weight_shape: Sequence[int],
        *,
        stride: IntOrInts = 1,
        padding: Padding = 0,
        output_padding: IntOrInts = 0,
        groups: int = 1,
        dilation: IntOrInts = 1,
        output_size: IntOrInts | None = None,
        padding_mode: str = "zeros",
        channels: bool | None = None,
    ) -> ConvGeometry:
        """Return the geometry whose transpose is `conv_transpose(input, weight, ...)`.

        Parameters
        ----------
        input_shape : sequence of int
            `(N, C_in, *sp)` or `(C_in, *sp)` of the transposed call; the geometry's `output_shape`.
        weight_shape : sequence of int
            `(C_in, C_out/groups, *k)`, the shape that the forward convolution has for the same array.
        stride, padding, dilation, groups, padding_mode, channels
            Those of the forward convolution, as in `ConvGeometry.conv`.
        output_padding : int or sequence of int
            Added to the smallest output size, per axis; less than the larger of stride and dilation.
        output_size : int or sequence of int, optional
            The spatial size to return, in place of `output_padding`.

        Returns
        -------
        ConvGeometry
            With `input_size = (n - 1)*stride + dilation*(k - 1) + 1 - before - after + output_padding` on each axis,
            where n is the size of the transposed call's input; `n*stride` where padding is "same" or "same_lower".

        Raises
        ------
        ValueError
            Where shapes and numbers do not fit one another, with the numbers.
        TypeError
            Where an argument is of the wrong kind.

        Examples
        --------
        >>> ConvGeometry.conv_transpose((1, 3, 5), (1, 1, 3, 3), stride=2, padding=1, output_padding=1).input_shape
        (1, 6, 10)
        >>> ConvGeometry.conv_transpose((3,), (3,), stride=2, output_size=9)
        Traceback (most recent call last):
        ...
        ValueError: ConvGeometry.conv_transpose: output_size must be from 7 to 8 on spatial axis 0, but got 9
        (output_size=(9,)).
        """
        call = "ConvGeometry.conv_transpose"
        inputs, weights, plain = _shapes(call, input_shape, weight_shape, channels, batch=True)
        return conv_transpose_geometry(
            call,
            inputs,
            weights,
            stride,
            padding,
            output_padding,
            groups,
            dilation,
            output_size,
            padding_mode,
            plain=plain,
        )

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.input_size)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The spatial axes, each with the integers that belong to it."""
        return tuple(
            Axis(n, m, k, s, d, lo, hi, self.padding_mode)
            for n, m, k, s, d, (lo, hi) in zip(
                self.input_size,
                self.output_size,
                self.kernel_size,
                self.stride,
                self.dilation,
                self.padding,
                strict=True,
            )
        )

    @property
    def input_shape(self) -> Ints:
        """Shape of the forward input without the batch axis: `(C_in, *sp)`, or `sp` for a plain kernel."""
        return self.input_size if self.plain else (self.in_channels, *self.input_size)

    @property
    def output_shape(self) -> Ints:
        """Shape of the forward output without the batch axis: `(C_out, *sp)`, or `sp` for a plain kernel."""
        return self.output_size if self.plain else (self.out_channels, *self.output_size)

    @property
    def weight_shape(self) -> Ints:
        """Shape of the weight of either direction: `(C_out, C_in/groups, *k)`, or `k` for a plain kernel."""
        return (
            self.kernel_size if self.plain else (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        )

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """Rows and columns of the kernel matrix: output elements by input elements."""
        return self.out_channels * prod(self.output_size), self.in_channels * prod(self.input_size)

    @property
    def nnz(self) -> int:
        """Stored entries of the kernel matrix, exactly; counted, not built."""
        return self.out_channels * (self.in_channels // self.groups) * prod(map(axis_entries, self.axes))

    @property
    def index_bits(self) -> int:
        """Width of the kernel matrix's indices: 32 while they fit, else 64."""
        return 32 if max(self.nnz, *self.matrix_shape) <= INT32_MAX else 64

    def matrix_bytes(self, itemsize: int = 8, *, transposed: bool = False) -> int:
        """Return the size of the kernel matrix in bytes.

        Parameters
        ----------
        itemsize : int
            Bytes of an entry: 8 for float64.
        transposed : bool
            Whether to count the row pointers of the transposed matrix.

        Returns
        -------
        int
            Entries, column indices and row pointers together.

        Examples
        --------
        >>> ConvGeometry.conv((4, 4), (3, 3)).matrix_bytes()
        452
        """
        index = self.index_bits // 8
        return self.nnz * (itemsize + index) + (self.matrix_shape[transposed] + 1) * index

    @property
    def flops(self) -> int:
        """Floating-point operations for one image, either direction: a multiplication and an addition per entry."""
        return 2 * self.nnz

    @property
    def receptive_field(self) -> Ints:
        """Extent of a window on the input, in pixels per axis: `dilation*(k - 1) + 1`."""
        return tuple(effective_kernel(k, d) for k, d in zip(self.kernel_size, self.dilation, strict=True))

    def __str__(self) -> str:
        rows, columns = self.matrix_shape
        listed = {name: _listed(getattr(self, name)) for name in ("kernel_size", "stride", "padding", "dilation")}
        table = [
            ("ConvGeometry", "conv", "transposed"),
            ("input", str(self.input_shape), str(self.output_shape)),
            ("output", str(self.output_shape), str(self.input_shape)),
            ("weight", str(self.weight_shape), str(self.weight_shape)),
            ("matrix", f"{rows} x {columns}", f"{columns} x {rows}"),
            *((name, value, "") for name, value in listed.items()),
            ("groups", str(self.groups), ""),
            ("padding_mode", self.padding_mode, ""),
            ("receptive", f"{' x '.join(map(str, self.receptive_field)) or 1} pixels", ""),
            ("entries", f"{self.nnz}", f"(float64: {self.matrix_bytes()} bytes)"),
            ("flops", f"{self.flops}", "per image"),
        ]
        first, second = (max(len(row[column]) for row in table) for column in (0, 1))
        return "\n".join(f"{name:{first}}  {left:{second}}  {right}".rstrip() for name, left, right in table)


def _listed(values: Sequence[int | tuple[int, int]]) -> str:
    return ", ".join(f"{v[0]}:{v[1]}" if isinstance(v, tuple) else str(v) for v in values) or "none"


def _shapes(
    call: str, input_shape: Sequence[int], weight_shape: Sequence[int], channels: bool | None, *, batch: bool
) -> tuple[Ints, Ints, bool]:
    """Return normalised shapes, and whether the kernel is plain."""
    inputs = arguments.shape(call, "input_shape", input_shape)
    weights = arguments.shape(call, "weight_shape", weight_shape)
    plain = arguments.is_plain(call, inputs, weights, arguments.boolean(call, "channels", channels), batch=batch)
    if not plain:
        arguments.check_weight_ndim(call, weights)
        ndims = (len(weights) - 1, len(weights)) if batch else (len(weights) - 1,)
        layout = "(C_in, *spatial), or (N, C_in, *spatial)" if batch else "(C_in, *spatial) without the batch axis"
        arguments.check_ndim(call, "input_shape", inputs, ndims, f"{layout} for a weight of shape {weights}")
    return inputs, weights, plain


def operator_geometry(
    call: str,
    input_shape: Sequence[int],
    weight_shape: Sequence[int],
    *,
    stride: IntOrInts,
    padding: Padding,
    dilation: IntOrInts,
    groups: int,
    padding_mode: str,
    transposed: bool,
    output_padding: IntOrInts,
    output_size: IntOrInts | None,
    channels: bool | None,
) -> ConvGeometry:
    """Return the geometry of a matrix or operator, whose `input_shape` has no batch axis."""
    inputs, weights, plain = _shapes(call, input_shape, weight_shape, channels, batch=False)
    if transposed:
        return conv_transpose_geometry(
            call,
            inputs,
            weights,
            stride,
            padding,
            output_padding,
            groups,
            dilation,
            output_size,
            padding_mode,
            plain=plain,
        )
    arguments.check_forward_only(call, output_padding, output_size)
    return conv_geometry(call, inputs, weights, stride, padding, dilation, groups, padding_mode, plain=plain)


def conv_geometry(
    call: str,
    input_shape: Ints,
    weight_shape: Ints,
    stride: IntOrInts,
    padding: Padding,
    dilation: IntOrInts,
    groups: int,
    padding_mode: str,
    *,
    plain: bool = False,
) -> ConvGeometry:
    """Return the geometry of a forward call whose arrays have these shapes; `call` starts error messages."""
    ndim = len(weight_shape) if plain else len(weight_shape) - 2
    return _conv(
        call,
        input_shape,
        weight_shape,
        arguments.per_axis(call, "stride", stride, ndim, 1),
        arguments.padding_pairs(call, padding, ndim),
        arguments.per_axis(call, "dilation", dilation, ndim, 1),
        arguments.positive_int(call, "groups", groups),
        arguments.padding_mode(call, padding_mode),
        plain,
    )


def conv_transpose_geometry(
    call: str,
    input_shape: Ints,
    weight_shape: Ints,
    stride: IntOrInts,
    padding: Padding,
    output_padding: IntOrInts,
    groups: int,
    dilation: IntOrInts,
    output_size: IntOrInts | None,
    padding_mode: str,
    *,
    plain: bool = False,
) -> ConvGeometry:
    """Return the geometry that a transposed call is the transpose of; `call` starts error messages."""
    ndim = len(weight_shape) if plain else len(weight_shape) - 2
    return _conv_transpose(
        call,
        input_shape,
        weight_shape,
        arguments.per_axis(call, "stride", stride, ndim, 1),
        arguments.padding_pairs(call, padding, ndim),
        arguments.per_axis(call, "output_padding", output_padding, ndim, 0),
        arguments.positive_int(call, "groups", groups),
        arguments.per_axis(call, "dilation", dilation, ndim, 1),
        None if output_size is None else arguments.spatial_size(call, output_size, ndim),
        arguments.padding_mode(call, padding_mode),
        plain,
    )


# The two functions below take normalised values only, so that equal keys mean equal geometries: a small call spends
# less time on its geometry than on its arithmetic.


@lru_cache(maxsize=1024)
def _conv(
    call: str,
    input_shape: Ints,
    weight_shape: Ints,
    stride: Ints,
    padding: str | Pairs,
    dilation: Ints,
    groups: int,
    padding_mode: str,
    plain: bool,
) -> ConvGeometry:
    kernel = _kernel_size(call, weight_shape, plain)
    size = input_shape[len(input_shape) - len(kernel) :]
    arguments.check_sizes(call, "input", input_shape, size)
    in_channels, out_channels = _channels(input_shape, weight_shape, plain)
    if plain:
        arguments.check_plain_groups(call, groups)
    else:
        arguments.check_conv_channels(call, input_shape, in_channels, weight_shape, groups)
    pairs = _forward_padding(padding, size, kernel, stride, dilation)
    windows = []
    for index, (n, k, s, d, (lo, hi)) in enumerate(zip(size, kernel, stride, dilation, pairs, strict=True)):
        m = window_count(n, k, s, d, lo, hi)
        arguments.check_axis(call, Axis(n, m, k, s, d, lo, hi, padding_mode), index)
        windows.append(m)
    return ConvGeometry(
        in_channels, out_channels, groups, size, tuple(windows), kernel, stride, pairs, dilation, padding_mode, plain
    )


@lru_cache(maxsize=1024)
def _conv_transpose(
    call: str,
    input_shape: Ints,
    weight_shape: Ints,
    stride: Ints,
    padding: str | Pairs,
    output_padding: Ints,
    groups: int,
    dilation: Ints,
    output_size: Ints | None,
    padding_mode: str,
    plain: bool,
) -> ConvGeometry:
    kernel = _kernel_size(call, weight_shape, plain)
    windows = input_shape[len(input_shape) - len(kernel) :]
    arguments.check_sizes(call, "input", input_shape, windows)
    if plain:
        arguments.check_plain_groups(call, groups)
        in_channels = out_channels = 1
    else:
        out_channels = input_shape[len(input_shape) - len(kernel) - 1]
        arguments.check_transposed_channels(call, input_shape, out_channels, weight_shape, groups)
        in_channels = weight_shape[1] * groups
    arguments.check_size_choice(call, output_padding, output_size, word=isinstance(padding, str))
    if isinstance(padding, str):
        # Forward "same" makes ceil(n/stride) windows, so these are the sizes it can have come from.
        largest = tuple(m * s for m, s in zip(windows, stride, strict=True))
        smallest = tuple(n - s + 1 for n, s in zip(largest, stride, strict=True))
        size = largest if output_size is None else output_size
        arguments.check_output_size(call, size, smallest, largest)
        pairs = _forward_padding(padding, size, kernel, stride, dilation)
    else:
        pairs = padding
        smallest = tuple(map(_scatter_size, windows, kernel, stride, dilation, pairs))
        if output_size is None:
            arguments.check_output_padding(call, output_padding, stride, dilation)
            size = tuple(n + extra for n, extra in zip(smallest, output_padding, strict=True))
        else:
            largest = tuple(n + max(s, d) - 1 for n, s, d in zip(smallest, stride, dilation, strict=True))
            arguments.check_output_size(call, output_size, smallest, largest)
            size = output_size
    arguments.check_transposed_size(call, size)
    for index, (n, m, k, s, d, (lo, hi)) in enumerate(zip(size, windows, kernel, stride, dilation, pairs, strict=True)):
        arguments.check_axis(call, Axis(n, m, k, s, d, lo, hi, padding_mode), index)
    return ConvGeometry(
        in_channels, out_channels, groups, size, windows, kernel, stride, pairs, dilation, padding_mode, plain
    )


def _scatter_size(m: int, k: int, s: int, d: int, pair: tuple[int, int]) -> int:
    return scatter_size(m, k, s, d, *pair)


def _kernel_size(call: str, weight_shape: Ints, plain: bool) -> Ints:
    kernel = weight_shape if plain else weight_shape[2:]
    arguments.check_sizes(call, "weight", weight_shape, kernel)
    return kernel


def _channels(input_shape: Ints, weight_shape: Ints, plain: bool) -> tuple[int, int]:
    return (1, 1) if plain else (input_shape[len(input_shape) - len(weight_shape) + 1], weight_shape[0])


def _forward_padding(padding: str | Pairs, size: Ints, kernel: Ints, stride: Ints, dilation: Ints) -> Pairs:
    if not isinstance(padding, str):
        return padding
    lower = padding == "same_lower"
    return tuple(
        same_padding(n, k, s, d, lower=lower) for n, k, s, d in zip(size, kernel, stride, dilation, strict=True)
    )
