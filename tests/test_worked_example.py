"""The example of the dense kernel-matrix tutorial, number for number, and images on which its code goes wrong."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import npconvt

IMAGE, KERNEL = np.arange(16).reshape(4, 4), np.arange(9).reshape(3, 3)
CONV = [[258, 294], [402, 438]]
TRANSPOSED = [[0, 258, 810, 588], [774, 2316, 3708, 2346], [2754, 6492, 7884, 4542], [2412, 5442, 6282, 3504]]


def test_the_matrix_gives_both_tables():
    A = npconvt.kernel_matrix(KERNEL, (4, 4))
    assert A.shape == (4, 16)
    assert A.nnz == 36
    y = A @ IMAGE.ravel()
    assert_array_equal(y.reshape(2, 2), CONV)
    assert_array_equal((A.T @ y).reshape(4, 4), TRANSPOSED)
    B = npconvt.kernel_matrix(KERNEL, (2, 2), transposed=True)
    assert_array_equal((B @ y).reshape(4, 4), TRANSPOSED)


@pytest.mark.parametrize("method", ["auto", "matrix"])
def test_the_functions_give_both_tables(method):
    x, w = IMAGE[None, None], KERNEL[None, None]
    y = npconvt.conv2d(x, w, method=method)
    assert_array_equal(y, [[CONV]])
    assert_array_equal(npconvt.conv_transpose2d(y, w, method=method), [[TRANSPOSED]])


def test_the_rows_of_the_matrix():
    """One row an output pixel: the kernel, padded to the size of the image, where its window lies."""
    A = npconvt.kernel_matrix(KERNEL, (4, 4)).toarray()
    for row, (i, j) in enumerate(np.ndindex(2, 2)):
        padded = np.pad(KERNEL, ((i, 1 - i), (j, 1 - j)))
        assert_array_equal(A[row].reshape(4, 4), padded)


@pytest.mark.parametrize(
    ("shape", "kernel_shape", "conv", "transposed"),
    [
        ((3, 4), (2, 2), [[24, 30, 36], [48, 54, 60]], [[0, 24, 30, 36], [48, 180, 216, 168], [96, 252, 282, 180]]),
        ((2, 5), (2, 3), [[79, 94, 109]], [[0, 79, 252, 297, 218], [237, 598, 1098, 906, 545]]),
        ((5, 2), (3, 2), [[55], [85], [115]], [[0, 55], [110, 250], [390, 645], [570, 770], [460, 575]]),
    ],
)
def test_images_that_are_not_square(shape, kernel_shape, conv, transposed):
    """There the tutorial's first listing prints a table of another shape, and no `.T` can mend it."""
    x = np.arange(np.prod(shape)).reshape(1, 1, *shape)
    w = np.arange(np.prod(kernel_shape)).reshape(1, 1, *kernel_shape)
    y = npconvt.conv2d(x, w)
    assert_array_equal(y, [[conv]])
    back = npconvt.conv_transpose2d(y, w)
    assert_array_equal(back, [[transposed]])
    A = npconvt.kernel_matrix(w[0, 0], shape)
    assert_array_equal(A @ x.ravel(), y.ravel())
    assert_array_equal(A.T @ y.ravel(), back.ravel())


@pytest.mark.parametrize(("shape", "kernel_shape"), [((4, 4), (3, 3)), ((2, 5), (2, 3)), ((5, 2), (3, 2))])
def test_torch_prints_the_same_tables(torch, shape, kernel_shape):
    x = torch.arange(float(np.prod(shape))).reshape(1, 1, *shape)
    w = torch.arange(float(np.prod(kernel_shape))).reshape(1, 1, *kernel_shape)
    y = torch.nn.functional.conv2d(x, w)
    assert_array_equal(npconvt.conv2d(x, w), y)
    assert_array_equal(npconvt.conv_transpose2d(y, w), torch.nn.functional.conv_transpose2d(y, w))
