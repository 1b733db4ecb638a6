"""The convolution as a `scipy.sparse.linalg.LinearOperator`, which does not build its matrix."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator

from npconvt import _arguments as arguments
from npconvt._geometry import ConvGeometry, operator_geometry
from npconvt._matrix import build, check_dense_memory
from npconvt._memory import check_result
from npconvt._methods import Road, describe, prepare

if TYPE_CHECKING:
    from npconvt._arguments import IntOrInts, Ints, Padding

    _Base = LinearOperator[Any]
else:
    _Base = LinearOperator

__all__ = ["ConvOperator"]


class ConvOperator(_Base):
    """The linear map of `conv` or `conv_transpose`, `op @ x.ravel() == conv(x).ravel()`, without its matrix.

    A `scipy.sparse.linalg.LinearOperator`: SciPy's solvers, decompositions, sums, products and scalings take it as it
    is. It equals `kernel_matrix` of the same arguments, but stores the kernel only.

    Parameters
    ----------
    weight : array_like, shape (C_out, C_in/groups, *k) or k
        The kernel, as `conv` takes it; `(C_in, C_out/groups, *k)` with `transposed=True`. Or a plain kernel, with no
        channel axes, where the input has none. It is copied.
    input_shape : sequence of int
        `(C_in, *sp)`, without the batch axis; `sp` alone for a plain kernel.
    stride, padding, dilation, groups, padding_mode
        As in `conv`.
    transposed : bool
        Whether this is the map of `conv_transpose`.
    output_padding, output_size
        As in `conv_transpose`; only with `transposed=True`.
    channels : bool, optional
        False for a plain kernel, True for channel axes. By default a kernel is plain where it has as many axes as
        `input_shape`, if these are one or two; from three up say which.
    method : str
        Way to compute the products, as in `conv`.

    Attributes
    ----------
    shape : tuple of int
        Output elements by input elements.
    dtype : dtype
        That of `kernel_matrix`: the weight's, but int64 for integers below uint64 and float32 for float16. A product
        has the common dtype of this and the operand.
    geometry : ConvGeometry
        The geometry, always that of the forward convolution.
    input_shape, output_shape : tuple of int
        Shapes of the arrays that go in and come out, in this operator's direction, without the batch axis.
    transposed : bool
        Whether this is the transpose of the geometry's convolution.
    method : str
        The method asked for.
    T : ConvOperator
        The transpose: the transposed convolution with the same weight.
    H : ConvOperator
        The adjoint: the transpose, with the weight conjugated where it is complex.

    Raises
    ------
    ValueError, TypeError
        Where arguments do not fit one another or are of the wrong kind.

    See Also
    --------
    kernel_matrix : the matrix itself.
    conv, conv_transpose : the same maps, without an operator.

    Examples
    --------
    >>> import numpy as np
    >>> from npconvt import ConvOperator
    >>> A = ConvOperator([1, 10], (4,))
    >>> A
    <3x4 ConvOperator with dtype=int64>
    >>> A @ np.array([1, 2, 3, 4])
    array([21, 32, 43])
    >>> A.T @ np.array([1, 0, 2])
    array([ 1, 10,  2, 20])
    >>> A.toarray()
    array([[ 1, 10,  0,  0],
           [ 0,  1, 10,  0],
           [ 0,  0,  1, 10]])

    `apply` takes arrays as they are, with or without batch axes:

    >>> B = ConvOperator(np.ones((2, 1, 2, 2), int), (1, 3, 3))
    >>> B.apply(np.arange(9).reshape(1, 3, 3))
    array([[[ 8, 12],
            [20, 24]],
           [[ 8, 12],
            [20, 24]]])
    >>> B.apply(np.ones((5, 7, 1, 3, 3))).shape
    (5, 7, 2, 2, 2)

    Sums, products and scalings are operators again:

    >>> normal = A.H @ A + 3 * (A.H @ A)
    >>> normal @ np.array([1, 0, 0, 0])
    array([ 4, 40,  0,  0])

    >>> A @ np.ones((2, 2))
    Traceback (most recent call last):
    ...
    ValueError: ConvOperator: x must have shape (4,) or (4, K) for an operator of shape (3, 4), but has shape (2, 2).
    """

    geometry: ConvGeometry
    input_shape: Ints
    output_shape: Ints
    transposed: bool
    method: str

    def __init__(
        self,
        weight: ArrayLike,
        input_shape: Sequence[int],
        *,
        stride: IntOrInts = 1,
        padding: Padding = 0,
        dilation: IntOrInts = 1,
        groups: int = 1,
        padding_mode: str = "zeros",
        transposed: bool = False,
        output_padding: IntOrInts = 0,
        output_size: IntOrInts | None = None,
        channels: bool | None = None,
        method: str = "auto",
    ) -> None:
        call = "ConvOperator"
        entries = arguments.kernel_entries(call, weight)
        transposed = arguments.boolean(call, "transposed", transposed) or False
        geometry = operator_geometry(
            call,
            input_shape,
            entries.shape,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            padding_mode=padding_mode,
            transposed=transposed,
            output_padding=output_padding,
            output_size=output_size,
            channels=channels,
        )
        arguments.check_method(call, method)
        self._set(_Map(geometry, np.array(entries), method), transposed)

    def _set(self, map: _Map, transposed: bool) -> None:
        self._map = map
        # Two operators that held one another would keep a matrix in memory until the next garbage collection.
        self._relatives: dict[str, ConvOperator | ref[ConvOperator]] = {}
        self.geometry, self.transposed, self.method = map.geometry, transposed, map.method
        shapes = (map.geometry.input_shape, map.geometry.output_shape)
        self.input_shape, self.output_shape = shapes[::-1] if transposed else shapes
        # scipy-stubs know only the factory in `LinearOperator.__new__`.
        super().__init__(map.weight.dtype, (prod(self.output_shape), prod(self.input_shape)))  # type: ignore[call-arg]

    @classmethod
    def _of(cls, map: _Map, transposed: bool) -> ConvOperator:
        operator = object.__new__(cls)
        operator._set(map, transposed)
        return operator

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._map.geometry, self._map.weight, self._map.method, self.transposed)

    @property
    def weight(self) -> NDArray[Any]:
        """The kernel, read-only, in the operator's dtype and the shape in which it was given."""
        return self._map.weight.reshape(self.geometry.weight_shape)

    @property
    def road(self) -> str:
        """Which road a product with one vector of the operator's dtype takes, and why.

        Decided by the geometry, the number of vectors and the dtype alone, so the same product always takes the same
        road; the estimates are those of the cost model in the explanation "How `auto` chooses".

        Examples
        --------
        >>> from npconvt import ConvOperator
        >>> ConvOperator([1, 10], (4,)).road
        'gemm (dense): a kernel matrix of 12 entries'
        >>> ConvOperator([1, 10], (4,), method="matrix").road
        'matrix: asked for by name'
        """
        return describe(self.geometry, self.dtype, method=self.method, transposed=self.transposed)

    # --- products ----------------------------------------------------------------------------------------------------

    def apply(self, x: ArrayLike) -> NDArray[Any]:
        """Return the operator times an array of shape `input_shape`, or times each of a batch of them.

        Parameters
        ----------
        x : array_like, shape (*batch, *input_shape)
            Any number of batch axes, none included.

        Returns
        -------
        ndarray, shape (*batch, *output_shape)
            The products, for each element of the batch.

        Raises
        ------
        ValueError
            Where `x` has another shape.
        TypeError
            Where `x` does not hold numbers.

        Examples
        --------
        >>> from npconvt import ConvOperator
        >>> ConvOperator([1, 10], (4,)).apply([[1, 2, 3, 4], [0, 0, 0, 1]])
        array([[21, 32, 43],
               [ 0,  0, 10]])
        """
        array = arguments.array("ConvOperator.apply", "x", x)
        arguments.check_images("ConvOperator.apply", "x", array.shape, self.input_shape)
        return self._apply(array)

    def apply_transpose(self, y: ArrayLike) -> NDArray[Any]:
        """Return the transpose (no conjugate) times an array of shape `output_shape`, or times each of a batch of them.

        Parameters
        ----------
        y : array_like, shape (*batch, *output_shape)
            Any number of batch axes, none included.

        Returns
        -------
        ndarray, shape (*batch, *input_shape)
            The products, for each element of the batch. `op.H.apply(y)` is the adjoint's.

        Raises
        ------
        ValueError
            Where `y` has another shape.
        TypeError
            Where `y` does not hold numbers.

        Examples
        --------
        >>> from npconvt import ConvOperator
        >>> ConvOperator([1, 10], (4,)).apply_transpose([1, 2, 3])
        array([ 1, 12, 23, 30])
        """
        array = arguments.array("ConvOperator.apply_transpose", "y", y)
        arguments.check_images("ConvOperator.apply_transpose", "y", array.shape, self.output_shape)
        return self._transpose()._apply(array)

    def _apply(self, x: NDArray[Any]) -> NDArray[Any]:
        batch = x.shape[: x.ndim - len(self.input_shape)]
        images = x.reshape(prod(batch), *self._map.image_shape(self.transposed))
        return self._map.apply(images, self.transposed).reshape(*batch, *self.output_shape)

    # SciPy up to 1.17 hands vectors (N,) or columns (N, 1) to `_matvec`, 1.18 batches (..., N), other libraries what
    # they like. So each of the four takes every form; the public ones add a check that names both shapes.

    def _matvec(self, x: NDArray[Any]) -> NDArray[Any]:
        if x.shape == (self.shape[1], 1):
            return self._rows(x[:, 0])[:, None]
        return self._rows(x)

    def _matmat(self, X: NDArray[Any]) -> NDArray[Any]:
        return np.swapaxes(self._rows(np.swapaxes(X, -1, -2)), -1, -2)

    def _rows(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the product with each vector along the last axis."""
        batch = x.shape[:-1]
        images = np.asarray(x).reshape(prod(batch), *self._map.image_shape(self.transposed))
        return self._map.apply(images, self.transposed).reshape(*batch, self.shape[0])

    def _rmatvec(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._adjoint()._matvec(x)

    def _rmatmat(self, X: NDArray[Any]) -> NDArray[Any]:
        return self._adjoint()._matmat(X)

    def matvec(self, x: ArrayLike) -> NDArray[Any]:  # type: ignore[override]
        """Return the operator times a vector, shape `(N,)` or `(N, 1)`, or times each of a batch `(..., N)`.

        Parameters
        ----------
        x : array_like
            With `N = shape[1]` elements.

        Returns
        -------
        ndarray
            The product, of the same form, with `shape[0]` elements.
        """
        array = arguments.array("ConvOperator.matvec", "x", x)
        arguments.check_vector("ConvOperator.matvec", "x", array.shape, self.shape, 1, self.input_shape)
        return self._matvec(array)

    def matmat(self, X: ArrayLike) -> NDArray[Any]:  # type: ignore[override]
        """Return the operator times the columns of `X`.

        Parameters
        ----------
        X : array_like, shape (N, K)
            With `N = shape[1]`.

        Returns
        -------
        ndarray, shape (M, K)
            With `M = shape[0]`.
        """
        array = arguments.array("ConvOperator.matmat", "X", X)
        arguments.check_columns("ConvOperator.matmat", "X", array.shape, self.shape, 1, self.input_shape)
        return self._matmat(array)

    def rmatvec(self, x: ArrayLike) -> NDArray[Any]:  # type: ignore[override]
        """Return the adjoint times a vector, shape `(M,)` or `(M, 1)`, or times each of a batch `(..., M)`.

        Parameters
        ----------
        x : array_like
            With `M = shape[0]` elements.

        Returns
        -------
        ndarray
            The product, of the same form, with `shape[1]` elements.
        """
        array = arguments.array("ConvOperator.rmatvec", "x", x)
        arguments.check_vector("ConvOperator.rmatvec", "x", array.shape, self.shape, 0, self.output_shape)
        return self._adjoint()._matvec(array)

    def rmatmat(self, X: ArrayLike) -> NDArray[Any]:  # type: ignore[override]
        """Return the adjoint times the columns of `X`.

        Parameters
        ----------
        X : array_like, shape (M, K)
            With `M = shape[0]`.

        Returns
        -------
        ndarray, shape (N, K)
            With `N = shape[1]`.
        """
        array = arguments.array("ConvOperator.rmatmat", "X", X)
        arguments.check_columns("ConvOperator.rmatmat", "X", array.shape, self.shape, 0, self.output_shape)
        return self._adjoint()._matmat(array)

    def dot(self, x: Any) -> Any:
        """Return the product with a vector, with the columns of a matrix, with a scalar or with another operator.

        Parameters
        ----------
        x : array_like, shape (N,) or (N, K), or scalar or LinearOperator
            `op @ x` and `op * x` come here.

        Returns
        -------
        ndarray or LinearOperator
            An operator where `x` is a scalar or an operator.
        """
        if isinstance(x, LinearOperator) or np.isscalar(x):
            return super().dot(x)  # type: ignore[arg-type]
        array = arguments.array("ConvOperator", "x", x)
        if array.shape == (self.shape[1],):
            return self._matvec(array)
        arguments.check_columns("ConvOperator", "x", array.shape, self.shape, 1, self.input_shape, vector=True)
        return self._matmat(array)

    def __rmul__(self, x: Any) -> Any:
        # SciPy would hand the transpose of x to the transpose of the operator, whose errors name these shapes.
        if isinstance(x, LinearOperator) or np.isscalar(x):
            return super().__rmul__(x)  # type: ignore[arg-type]
        array = arguments.array("ConvOperator", "x", x)
        arguments.check_rows("ConvOperator", "x", array.shape, self.shape, self.output_shape)
        return self._transpose()._rows(array)

    # --- relatives ---------------------------------------------------------------------------------------------------

    def _transpose(self) -> ConvOperator:
        return self._relative("transpose")

    def _adjoint(self) -> ConvOperator:
        return self._relative("adjoint") if self.dtype.kind == "c" else self._transpose()

    def _relative(self, name: str) -> ConvOperator:
        """Return the transpose or the adjoint; one that this operator has made, or that has made it, if it is alive."""
        known = self._relatives.get(name)
        relative = known() if isinstance(known, ref) else known
        if relative is None:
            map = self._map if name == "transpose" else self._map.conjugate()
            relative = self._relatives[name] = self._of(map, not self.transposed)
            relative._relatives[name] = ref(self)
        return relative

    @property
    def T(self) -> ConvOperator:  # type: ignore[override]  # noqa: N802
        """The transpose, without a conjugate."""
        return self._transpose()

    @property
    def H(self) -> ConvOperator:  # noqa: N802
        """The adjoint: the conjugate of the transpose."""
        return self._adjoint()

    def tosparse(self) -> csr_array:
        """Return the kernel matrix, as `kernel_matrix` of the same arguments does.

        Returns
        -------
        csr_array, shape (M, N)
            Sorted, without duplicates.

        Raises
        ------
        MemoryError
            Where it would not fit into memory, with the bytes that it would take; the operator works all the same.

        Examples
        --------
        >>> from npconvt import ConvOperator
        >>> ConvOperator([1, 10], (4,), stride=2).tosparse().indices
        array([0, 1, 2, 3], dtype=int32)
        """
        return build(self.geometry, self._map.weight, transposed=self.transposed, call="ConvOperator.tosparse")

    def toarray(self) -> NDArray[Any]:
        """Return the kernel matrix as a dense array.

        Returns
        -------
        ndarray, shape (M, N)
            The matrix, zeros included.

        Raises
        ------
        MemoryError
            Where it would not fit into memory, with the bytes that it would take.

        Examples
        --------
        >>> from npconvt import ConvOperator
        >>> ConvOperator([1, 10], (4,), stride=2).toarray()
        array([[ 1, 10,  0,  0],
               [ 0,  0,  1, 10]])
        """
        check_dense_memory("ConvOperator.toarray", self.shape, self.dtype.itemsize)
        return self.tosparse().toarray()


class _Map:
    """A geometry with a weight, and the roads prepared for it so far; an operator and its transpose share one."""

    def __init__(self, geometry: ConvGeometry, weight: NDArray[Any], method: str) -> None:
        self.geometry = geometry
        channels = (geometry.out_channels, geometry.in_channels // geometry.groups)
        self.weight = weight.reshape(*channels, *geometry.kernel_size)
        self.weight.flags.writeable = False
        self.method = method
        self._roads: dict[np.dtype[Any], Road] = {}

    def conjugate(self) -> _Map:
        """Return the same with the conjugate of the weight."""
        return _Map(self.geometry, self.weight.conj(), self.method)

    def image_shape(self, transposed: bool) -> Ints:
        """Shape of one image that goes in, with its channel axis even where the kernel is plain."""
        geometry = self.geometry
        if transposed:
            return (geometry.out_channels, *geometry.output_size)
        return (geometry.in_channels, *geometry.input_size)

    def apply(self, images: NDArray[Any], transposed: bool) -> NDArray[Any]:
        """Return the products with images that have a batch and a channel axis."""
        dtype = arguments.result_dtype(images, self.weight)
        check_result("ConvOperator", (len(images), *self.image_shape(not transposed)), dtype.itemsize)
        road = self._roads.get(dtype)
        if road is None:
            road = prepare(self.geometry, self.weight, dtype, method=self.method, call="ConvOperator")
            self._roads[dtype] = road
        return road.transpose(images) if transposed else road.forward(images)


def _restore(
    cls: type[ConvOperator], geometry: ConvGeometry, weight: NDArray[Any], method: str, transposed: bool
) -> ConvOperator:
    return cls._of(_Map(geometry, weight, method), transposed)
