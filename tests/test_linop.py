"""ConvOperator is the kernel matrix, to whoever asks, and in whatever form they ask."""

import copy
import gc
import pickle
import re
import weakref

import numpy as np
import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import LinearOperator, aslinearoperator, cg, eigsh, gmres, lsmr, lsqr, svds
from strategies import calls, integers_as

import npconvt
from npconvt import ConvOperator, kernel_matrix
from npconvt._arguments import METHODS

EXACT_METHODS = [name for name in METHODS if name != "fft"]


def pair(call, **more) -> tuple[ConvOperator, np.ndarray]:
    arguments = call.weight, call.input_shape
    return ConvOperator(*arguments, **call.matrix_params, **more), kernel_matrix(
        *arguments, **call.matrix_params
    ).toarray()


def same(actual, expected) -> None:
    assert_array_equal(actual, expected, strict=True)


@settings(max_examples=60)
@given(
    call=calls(dtypes=("int64", "int64", "complex128", "float32", "int8", "bool")),
    operand=st.sampled_from(("int64", "float64", "complex64", "uint8")),
    method=st.sampled_from(EXACT_METHODS),
    seed=st.integers(0, 99),
)
def test_every_product_is_the_matrix_product(call, operand, method, seed):
    """All names and all forms of operands, the transpose and the adjoint, values and dtypes."""
    op, A = pair(call, method=method)
    rng = np.random.default_rng(seed)
    (rows, columns), dtype = A.shape, np.result_type(A.dtype, operand)
    x, y = (integers_as(operand, rng, (3, n)).T for n in (columns, rows))
    assert op.shape == A.shape
    assert op.dtype == A.dtype
    forward, adjoint = (A @ x).astype(dtype), (A.conj().T @ y).astype(dtype)
    same(op.matvec(x[:, 0]), forward[:, 0])
    same(op.matvec(x[:, :1]), forward[:, :1])
    same(op.matmat(x), forward)
    same(op.rmatvec(y[:, 0]), adjoint[:, 0])
    same(op.rmatvec(y[:, :1]), adjoint[:, :1])
    same(op.rmatmat(y), adjoint)
    for form in (x[:, 0], x[:, :1], x, x[:, :0], np.asfortranarray(x), x[:, ::-2]):
        same(op @ form, (A @ form).astype(dtype))
    same(op.T @ y, (A.T @ y).astype(dtype))
    same(op.H @ y, adjoint)
    same(y.T @ op, (y.T @ A).astype(dtype))
    same(y.T[0] @ op, (y.T[0] @ A).astype(dtype))
    same(y.T[:1] @ op, (y.T[:1] @ A).astype(dtype))
    same(y.T[None] @ op, (y.T[None] @ A).astype(dtype))
    same(op.H.rmatmat(x), forward)
    same(op.T.rmatmat(x), (A.conj() @ x).astype(dtype))
    assert op.T.T is op
    assert op.H.H is op
    same(op.T.H @ x, (A.conj() @ x).astype(dtype))
    same(op.tosparse().toarray(), A)
    same(op.T.toarray(), A.T)
    same(op.H.toarray(), A.conj().T)


@settings(max_examples=60)
@given(call=calls(), leading=st.sampled_from(((), (1,), (2,), (2, 3), (0,))), method=st.sampled_from(EXACT_METHODS))
def test_apply_keeps_shapes_and_batch_axes(call, leading, method):
    op, A = pair(call, method=method)
    rng = np.random.default_rng(1)
    x, y = (integers_as("int64", rng, (*leading, *shape)) for shape in (op.input_shape, op.output_shape))
    assert op.input_shape == call.input_shape
    assert op.output_shape == call.expected().shape[call.input.ndim - len(call.input_shape) :]
    before = x.copy()
    same(op.apply(x), (x.reshape(-1, A.shape[1]) @ A.T).reshape(*leading, *op.output_shape))
    same(op.apply_transpose(y), op.T.apply(y))
    same(op.T.apply(y), (y.reshape(-1, A.shape[0]) @ A).reshape(*leading, *op.input_shape))
    same(x, before)
    assert op.T.input_shape == op.output_shape
    assert op.T.output_shape == op.input_shape
    assert op.T.geometry is op.geometry


@pytest.mark.parametrize("transposed", [False, True])
def test_what_scipy_and_others_hand_to_the_private_methods(transposed):
    """Vectors and columns up to SciPy 1.17, batches along the first axes from 1.18."""
    weight = integers_as("complex128", np.random.default_rng(0), (2, 3, 3, 2))
    op = ConvOperator(weight, (2, 4, 3) if transposed else (3, 4, 5), stride=2, padding=1, transposed=transposed)
    A = op.toarray()
    for name, matrix in (("", A), ("r", A.conj().T)):
        x = integers_as("int64", np.random.default_rng(1), (2, 3, matrix.shape[1], 4))
        matvec, matmat = getattr(op, f"_{name}matvec"), getattr(op, f"_{name}matmat")
        vectors = np.swapaxes(x, -1, -2)
        same(matvec(vectors), np.einsum("...i,ji->...j", vectors, matrix))
        same(matvec(x[0, 0, :, 0]), matrix @ x[0, 0, :, 0])
        same(matvec(x[0, 0, :, :1]), matrix @ x[0, 0, :, :1])
        same(matmat(x), matrix @ x)
        same(matmat(x[0, 0]), matrix @ x[0, 0])
        public = getattr(op, f"{name}matvec"), getattr(op, f"{name}matmat")
        same(public[0](vectors), matvec(vectors))
        same(public[1](x), matmat(x))


def test_a_plain_kernel_has_plain_shapes():
    op = ConvOperator(np.arange(9).reshape(3, 3), (4, 4))
    assert (op.input_shape, op.output_shape, op.weight.shape) == ((4, 4), (2, 2), (3, 3))
    same(op.apply(np.arange(16).reshape(4, 4)), np.array([[258, 294], [402, 438]]))
    same(op.apply_transpose(op.apply(np.arange(16).reshape(4, 4)))[0], np.array([0, 258, 810, 588]))
    assert ConvOperator(np.ones((2, 2, 2)), (3, 3, 3), channels=False).output_shape == (2, 2, 2)


def test_the_operator_is_scipys_and_so_are_its_sums_and_products():
    rng = np.random.default_rng(2)
    weight = integers_as("complex128", rng, (3, 2, 3))
    op = ConvOperator(weight, (2, 6), stride=2, padding=1)
    other = ConvOperator(weight + 1, (2, 6), stride=2, padding=1)
    A, B = op.toarray(), other.toarray()
    assert isinstance(op, LinearOperator)
    assert aslinearoperator(op) is op
    composites = {
        "sum": (op + other, A + B),
        "difference": (op - other, A - B),
        "negative": (-op, -A),
        "scaled": ((2 - 1j) * op, (2 - 1j) * A),
        "scaled from the right": (op * 3, A * 3),
        "divided": (op / 2, A / 2),
        "normal": (op.H @ other, A.conj().T @ B),
        "outer": (op @ other.T, A @ B.T),
        "power": ((op.H @ op) ** 2, np.linalg.matrix_power(A.conj().T @ A, 2)),
        "with a matrix": (op @ aslinearoperator(np.eye(12)), A),
        "adjoint of a sum": ((op + 1j * other).H, (A + 1j * B).conj().T),
    }
    for composite, matrix in composites.values():
        x = integers_as("complex128", rng, (matrix.shape[1], 2))
        y = integers_as("complex128", rng, (matrix.shape[0], 2))
        assert_array_equal(composite @ x, matrix @ x)
        assert_array_equal(composite @ x[:, 0], matrix @ x[:, 0])
        assert_array_equal(composite.rmatvec(y[:, 0]), matrix.conj().T @ y[:, 0])
        assert_array_equal(composite.H @ y, matrix.conj().T @ y)
        assert_array_equal(composite.T @ y, matrix.T @ y)


def test_the_dtype_rules_are_those_of_the_matrix():
    for weight, dtype in (("bool", "int64"), ("uint8", "int64"), ("uint64", "uint64"), ("float16", "float32")):
        op = ConvOperator(np.ones((1, 1, 2), weight), (1, 3))
        assert op.dtype == dtype == op.tosparse().dtype == op.T.dtype
        assert op.matvec(np.ones(3, "float16")).dtype == np.result_type(dtype, "float16")
        assert op.apply(np.ones((1, 3), "bool")).dtype == dtype
    # nothing wraps: 300 * 200 in int8 arithmetic would
    same(ConvOperator(np.full((1, 300, 1), 100, "int8"), (300, 1)) @ np.full(300, 2, "int8"), np.array([60000]))


def test_the_weight_is_the_operators_own():
    weight = np.arange(3.0)
    op = ConvOperator(weight, (5,), padding="same")
    weight[:] = np.nan  # before the first product, which may pack it
    product = op @ np.ones(5)
    same(product, np.array([3.0, 3.0, 3.0, 3.0, 1.0]))
    assert not op.weight.flags.writeable
    product[:] = 7  # a result is nobody else's
    same(op @ np.ones(5), np.array([3.0, 3.0, 3.0, 3.0, 1.0]))


def test_one_matrix_serves_every_batch_and_both_directions(monkeypatch):
    built = []
    build = npconvt._methods.matrix.build
    monkeypatch.setattr(npconvt._methods.matrix, "build", lambda *a, **k: built.append(1) or build(*a, **k))
    op = ConvOperator([1.0, 10.0], (4,), method="matrix")
    for operand in (np.ones(4), np.ones((4, 2)), np.ones((4, 0))):
        op.H @ (op @ operand)
    assert built == [1]


@pytest.mark.parametrize("relative", ["T", "H"])
def test_operators_go_with_their_last_reference(relative):
    """An operator may hold a matrix: it must not wait for the garbage collector because somebody took its transpose."""
    op = ConvOperator(np.array([1, 2j]), (4,), method="matrix")
    product = getattr(op, relative) @ np.ones(3)
    assert getattr(getattr(op, relative), relative) is op
    gc.disable()
    try:
        gone, kept = weakref.ref(op), getattr(op, relative)
        del op
        assert gone() is None
        again = getattr(kept, relative)  # made anew, and known from then on
        assert getattr(again, relative) is kept
        assert getattr(kept, relative) is again
        same(kept @ np.ones(3), product)
    finally:
        gc.enable()


def test_zeros_choose_nothing_in_the_forward_direction():
    for zeros in (0, (0, 0), np.zeros(2, int), None):
        assert ConvOperator(np.ones((2, 2)), (3, 3), output_padding=zeros).shape == (4, 9)


@pytest.mark.parametrize("method", METHODS)
def test_pickles_and_copies_are_the_same_operator(method):
    weight = integers_as("complex128", np.random.default_rng(3), (2, 2, 3, 3))
    op = ConvOperator(weight, (2, 20, 20), stride=2, padding_mode="circular", padding=1, method=method).H
    x = integers_as("float64", np.random.default_rng(4), (op.shape[1], 2))
    product = op @ x  # prepares what a pickle need not carry
    assert len(pickle.dumps(op)) < 2000
    for again in (pickle.loads(pickle.dumps(op)), copy.copy(op), copy.deepcopy(op)):
        assert type(again) is ConvOperator
        assert (again.geometry, again.method, again.transposed) == (op.geometry, method, True)
        assert_array_equal(again @ x, product)
        assert_array_equal(again.H @ product, op.H @ product)


# --- in the hands of solvers


@pytest.fixture(scope="module")
def system():
    """A well-conditioned layer with stride, channels and groups, its matrix, and a square one."""
    rng = np.random.default_rng(5)
    weight = rng.standard_normal((6, 2, 3, 3)) / 3
    weight[:, :, 1, 1] += 3 * np.eye(2)[[0, 1, 0, 1, 0, 1]]
    tall = ConvOperator(weight, (4, 8, 7), padding=1, stride=(1, 1), groups=2)
    plain = 0.05 * rng.standard_normal((3, 3, 3, 3))
    plain[range(3), range(3), 1, 1] += 1
    square = ConvOperator(plain, (3, 6, 6), padding="same", padding_mode="reflect")
    return tall, tall.toarray(), square, square.toarray()


def test_least_squares(system):
    op, A, *_ = system
    b = np.random.default_rng(6).standard_normal(A.shape[0])
    x = np.linalg.lstsq(A, b)[0]
    assert_allclose(lsqr(op, b, atol=1e-14, btol=1e-14)[0], x, rtol=0, atol=1e-9)
    assert_allclose(lsmr(op, b, atol=1e-14, btol=1e-14)[0], x, rtol=0, atol=1e-9)
    normal = op.H @ op
    solution, stop = cg(normal, op.H @ b, rtol=1e-13, maxiter=5000)
    assert stop == 0
    assert_allclose(solution, x, rtol=0, atol=1e-9)
    damped = lsmr(op, b, damp=0.5, atol=1e-14, btol=1e-14)[0]
    assert_allclose(damped, np.linalg.solve(A.T @ A + 0.25 * np.eye(len(x)), A.T @ b), rtol=0, atol=1e-9)


def test_square_systems(system):
    *_, op, A = system
    b = np.random.default_rng(7).standard_normal(len(A))
    solution, stop = gmres(op, b, rtol=1e-12, maxiter=50)
    assert stop == 0
    assert_allclose(solution, np.linalg.solve(A, b), rtol=0, atol=1e-10)
    solution, stop = gmres(op.T, b, rtol=1e-12, maxiter=50)
    assert stop == 0
    assert_allclose(solution, np.linalg.solve(A.T, b), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("solver", "tolerance"), [("arpack", 0), ("propack", 1e-12), ("lobpcg", 1e-5)])
def test_singular_values(system, solver, tolerance):
    op, A, *_ = system
    values = svds(op, k=3, return_singular_vectors=False, solver=solver, tol=tolerance, maxiter=500)
    assert_allclose(np.sort(values)[::-1], np.linalg.svd(A, compute_uv=False)[:3], rtol=1e-8)


def test_eigenvalues(system):
    op, A, *_ = system
    values = eigsh(op.H @ op, k=2, return_eigenvectors=False)
    assert_allclose(np.sort(values)[::-1], np.linalg.svd(A, compute_uv=False)[:2] ** 2, rtol=1e-10)


def test_complex_systems():
    """The adjoint conjugates: with the transpose in its place neither would come out."""
    rng = np.random.default_rng(8)
    weight = rng.standard_normal((2, 1, 3)) + 1j * rng.standard_normal((2, 1, 3))
    op = ConvOperator(weight, (1, 9), padding=1)
    A = op.toarray()
    b = rng.standard_normal(18) + 1j * rng.standard_normal(18)
    assert_allclose(lsqr(op, b, atol=1e-14, btol=1e-14)[0], np.linalg.lstsq(A, b)[0], rtol=0, atol=1e-9)
    values = svds(op, k=2, return_singular_vectors=False)
    assert_allclose(np.sort(values)[::-1], np.linalg.svd(A, compute_uv=False)[:2], rtol=1e-10)


def test_pylops():
    pylops = strategies.oracles.framework("pylops")
    rng = np.random.default_rng(9)
    weight = rng.standard_normal((2, 3, 3, 3)) + 1j * rng.standard_normal((2, 3, 3, 3))
    op = ConvOperator(weight, (3, 6, 5), stride=2, padding=1)
    wrapped = pylops.aslinearoperator(op)
    A = op.toarray()
    x, y = (rng.standard_normal(n) + 1j * rng.standard_normal(n) for n in A.shape[::-1])
    assert pylops.utils.dottest(wrapped, *A.shape, complexflag=3, raiseerror=True)
    assert_allclose(wrapped @ x, A @ x, atol=1e-12)
    assert_allclose(wrapped.H @ y, A.conj().T @ y, atol=1e-12)
    assert_allclose(wrapped.T @ y, A.T @ y, atol=1e-12)
    stacked = pylops.VStack([wrapped, 0.1 * pylops.Identity(A.shape[1], dtype="complex128")])
    b = np.concatenate([A @ x, np.zeros(A.shape[1])])
    expected = np.linalg.lstsq(np.vstack([A, 0.1 * np.eye(A.shape[1])]), b)[0]
    assert_allclose(lsqr(stacked, b, atol=1e-14, btol=1e-14)[0], expected, rtol=0, atol=1e-9)
    assert_allclose((wrapped.H * wrapped).todense(), A.conj().T @ A, atol=1e-11)


# --- too large, and too wrong


def test_a_matrix_that_does_not_fit_does_not_hinder_the_operator(monkeypatch):
    op = ConvOperator(np.ones((1, 1, 9, 9), "float32"), (1, 64, 64), padding=4)
    needed = op.geometry.matrix_bytes(4)
    monkeypatch.setattr(npconvt._memory, "available_bytes", lambda: needed - 1)
    y = op.apply(np.ones((1, 64, 64)))
    assert (y.max(), y[0, 0, 0]) == (81, 25)
    assert op.rmatvec(y.ravel()).sum() == (y**2).sum()
    with pytest.raises(MemoryError, match=rf"^ConvOperator\.tosparse: .* take {needed} bytes \(.+\) and .+ available"):
        op.tosparse()
    with pytest.raises(MemoryError, match=r"^ConvOperator\.toarray: .* shape \(4096, 4096\) takes 67108864 bytes"):
        op.toarray()
    with pytest.raises(MemoryError, match=rf"^ConvOperator: .* take {needed} bytes"):
        ConvOperator(op.weight, (1, 64, 64), padding=4, method="matrix").apply(np.ones((1, 64, 64), "float32"))


@pytest.mark.parametrize("shape", [(3, 3, 4), (), (8, 2), (10,), (4, 9), (3, 3), (5, 3, 3)])
def test_operands_that_do_not_fit_name_both_shapes(shape):
    op = ConvOperator(np.ones((2, 2)), (3, 3))
    remedy = " Use apply for arrays of shape (3, 3) and batches of them." if shape[-2:] == (3, 3) else ""
    wanted = f"ConvOperator: x must have shape (9,) or (9, K) for an operator of shape (4, 9), but has shape {shape}."
    with pytest.raises(ValueError, match=f"^{re.escape(wanted + remedy)}$"):
        op.dot(np.ones(shape))


def test_sparse_operands_and_unknown_methods_are_refused():
    op = ConvOperator(np.ones((2, 2)), (3, 3))
    with pytest.raises(TypeError, match=r"^ConvOperator: x must be a dense array"):
        op @ op.T.tosparse()
    with pytest.raises(ValueError, match=r"^ConvOperator: method must be one of"):
        ConvOperator(np.ones((2, 2)), (3, 3), method="winograd")
    with pytest.raises(ValueError, match=r"^ConvOperator: output_padding must be left out unless transposed=True"):
        ConvOperator(np.ones((2, 2)), (3, 3), output_padding=1)


@pytest.mark.parametrize(
    ("keywords", "road"),
    [
        ({}, "gemm (dense): a kernel matrix of 400 entries"),
        ({"method": "matrix"}, "matrix: asked for by name"),
        ({"method": "fft"}, "fft: asked for by name"),
        (
            {"padding": 10**6, "dilation": 10**6, "padding_mode": "replicate"},
            "matrix: the padding is wider than all windows together",
        ),
    ],
)
def test_the_road_is_told_with_its_reason(keywords, road):
    padding = {"padding": 1} | keywords
    assert ConvOperator(np.ones((3, 3)), (4, 5), **padding).road == road
