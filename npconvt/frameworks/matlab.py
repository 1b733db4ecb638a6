"""MATLAB's `conv2`, and `convmtx2` of its Image Processing Toolbox, in NumPy.

MATLAB numbers the elements of a matrix down its columns: what it writes ``X(:)`` is ``X.ravel(order="F")`` here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from npconvt.frameworks import _translate as tr
from npconvt.frameworks import scipy
from npconvt.frameworks._conventions import find

__all__ = ["conv2", "convmtx2"]

_CONV2 = find("matlab", "conv2")


def conv2(A: npt.ArrayLike, B: npt.ArrayLike, shape: str = "full") -> tr.Array:
    """Return MATLAB's ``conv2(A, B, shape)``: a true convolution.

    Parameters
    ----------
    A : array_like, shape (m, n)
        Matrix.
    B : array_like, shape (p, q)
        Matrix.
    shape : "full", "same" or "valid", optional
        All ``(m + p - 1, n + q - 1)`` samples; the middle of the size of A, from ``p//2``, ``q//2`` (SciPy's "same"
        starts at ``(p - 1)//2``: one sample before, for an even size); or those without zeros around A.

    Returns
    -------
    ndarray, two axes
        "valid" is empty on an axis where B is longer than A; nothing is exchanged.

    Raises
    ------
    ValueError, TypeError
        For operands that are not matrices, or an unknown word.

    References
    ----------
    MATLAB's documentation of conv2.

    Examples
    --------
    >>> conv2([[1, 2, 3, 4]], [[1, 10]], "same")
    array([[12, 23, 34, 40]])
    >>> conv2([[1, 2], [3, 4]], [[1, 10]])
    array([[ 1, 12, 20],
           [ 3, 34, 40]])
    """
    function = "matlab.conv2"
    a, b = tr.array(function, "A", A), tr.array(function, "B", B)
    tr.rank(function, "A", a, "rows, columns", 2)
    tr.rank(function, "B", b, "rows, columns", 2)
    tr.word(function, "shape", shape, ("full", "same", "valid"))
    sizes = list(zip(a.shape, b.shape, strict=True))
    out = {
        "full": tuple(max(m + p - 1, m, p) for m, p in sizes),
        "same": a.shape,
        "valid": tuple(max(m - max(0, p - 1), 0) for m, p in sizes),
    }[shape]
    if not a.size or not b.size or 0 in out:
        return np.zeros(out, np.result_type(a, b))
    return scipy.convolved(a, b, scipy.cropped(_CONV2, shape, a.shape, b.shape))


def convmtx2(H: npt.ArrayLike, m: int, n: int) -> csr_array:
    """Return MATLAB's ``convmtx2(H, m, n)``: the sparse matrix of a full convolution, in column-major order.

    ``convmtx2(H, m, n) @ X.ravel(order="F")`` is ``conv2(X, H).ravel(order="F")`` for X of shape (m, n).

    Parameters
    ----------
    H : array_like, shape (p, q)
        Kernel.
    m, n : int
        Rows and columns of the matrix that is convolved.

    Returns
    -------
    scipy.sparse.csr_array, shape ((m + p - 1)*(n + q - 1), m*n)
        With a stored entry for every tap, zeros too.

    Raises
    ------
    ValueError, TypeError
        For a kernel that is not a matrix or empty, or sizes below 1.

    References
    ----------
    MATLAB's documentation of convmtx2.

    Examples
    --------
    >>> convmtx2([[1, 10]], 1, 2).toarray()
    array([[ 1,  0],
           [10,  1],
           [ 0, 10]])
    >>> import numpy as np
    >>> H, X = np.array([[1, 2], [3, 4], [5, 6]]), np.array([[1, 10, 100], [2, 20, 200]])
    >>> (convmtx2(H, 2, 3) @ X.ravel(order="F")).reshape((4, 4), order="F")
    array([[   1,   12,  120,  200],
           [   5,   58,  580,  800],
           [  11,  124, 1240, 1400],
           [  10,  112, 1120, 1200]])
    """
    function = "matlab.convmtx2"
    h = tr.array(function, "H", H)
    tr.rank(function, "H", h, "rows, columns", 2)
    if not h.size:
        message = f"{function}: H must not be empty, but its shape is {h.shape}."
        raise ValueError(message)
    rows, columns = tr.integer(function, "m", m, 1), tr.integer(function, "n", n, 1)
    # Column-major order is C order of the transposed arrays.
    return scipy.convolution_matrix(h.T, (columns, rows))
