"""Gradients: finite differences, torch's autograd and the trilinear identity say the same, exactly, on integers."""

import inspect
from functools import partial

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from strategies import calls, integers_as

import npconvt
from npconvt import grad
from npconvt._arguments import METHODS

EXACT_METHODS = [name for name in METHODS if name != "fft"]


def of_call(call):
    """The call without its bias, and its gradients, as functions of arrays alone."""
    kind = "conv_transpose" if call.transposed else "conv"
    names = (kind, f"{kind}_input", f"{kind}_weight")
    return (
        partial(getattr(place, name), **call.params) for place, name in zip((npconvt, grad, grad), names, strict=True)
    )


def gradient_in(call, seed=0, dtype="int64"):
    return integers_as(dtype, np.random.default_rng(seed), call.expected().shape)


@settings(max_examples=60)
@given(call=calls(), method=st.sampled_from(EXACT_METHODS))
def test_finite_differences_on_integers(call, method):
    """The calls are linear in each argument, so a step of one element is the whole derivative."""
    function, in_input, in_weight = of_call(call)
    x, w, g = call.input, call.weight, gradient_in(call)
    at = function(x, w)

    def differences(array, moved):
        result = np.zeros(array.shape, np.int64)
        for place in np.ndindex(array.shape):
            step = np.zeros_like(array)
            step[place] = 1
            result[place] = (g * (moved(array + step) - at)).sum()
        return result

    assert_array_equal(in_input(x.shape, w, g, method=method), differences(x, lambda x: function(x, w)), strict=True)
    assert_array_equal(in_weight(x, w.shape, g, method=method), differences(w, lambda w: function(x, w)), strict=True)


@settings(max_examples=60)
@given(call=calls(dtypes=("float64", "complex128"), ndims=(1, 2, 2, 3)))
def test_torchs_autograd(torch, call):
    """As torch differentiates a real loss of complex arguments: gradients conjugate."""
    _, in_input, in_weight = of_call(call)
    x, w = (torch.tensor(a, requires_grad=True) for a in (call.input, call.weight))
    result = (_transposed if call.transposed else _forward)(torch, x, w, call)
    g = torch.tensor(gradient_in(call, 1, "complex128" if result.is_complex() else "float64"))
    expected = torch.autograd.grad(result, (x, w), g, allow_unused=True)
    # torch keeps a real argument's gradient real
    for actual, theirs, argument in zip(
        (in_input(x.shape, call.weight, g.numpy()), in_weight(call.input, w.shape, g.numpy())),
        expected,
        (x, w),
        strict=True,
    ):
        theirs = np.zeros(argument.shape) if theirs is None else theirs.resolve_conj().numpy()
        assert_array_equal(actual if argument.is_complex() else actual.real, theirs)


def _forward(torch, x, w, call):
    return oracles._torch_forward(torch, x, w, None, call.axes, call.groups)


def _transposed(torch, y, w, call):
    """The transposed convolution as a derivative of the forward one, to be differentiated once more."""
    lead = y.shape[: y.ndim - len(call.axes) - 1]
    dtype = torch.result_type(y, w)
    x = torch.zeros((*lead, w.shape[1] * call.groups, *(a.n for a in call.axes)), dtype=dtype, requires_grad=True)
    forward = oracles._torch_forward(torch, x, w, None, call.axes, call.groups)
    (result,) = torch.autograd.grad(forward, x, y.to(dtype).conj(), create_graph=True)
    return result.conj()


@settings(max_examples=60)
@given(call=calls(dtypes=("int64", "complex128", "float32")), method=st.sampled_from(EXACT_METHODS))
def test_the_trilinear_identity(call, method):
    """<y, A(w) x> is one number, by whichever argument it is taken; without conjugates, which the gradients have."""
    function, in_input, in_weight = of_call(call)
    x, w, y = call.input, call.weight, gradient_in(call)
    value = oracles.inner(y, function(x, w))
    assert oracles.inner(in_input(x.shape, w.conj(), y, method=method), x) == value
    assert oracles.inner(in_weight(x.conj(), w.shape, y, method=method), w) == value


@settings(max_examples=30)
@given(call=calls(dtypes=("int64", "float32", "float16", "int8", "bool", "complex64")))
def test_dtypes_are_those_of_the_calls(call):
    function, in_input, in_weight = of_call(call)
    g = function(call.input, call.weight)
    assert in_input(call.input.shape, call.weight, g).dtype == oracles.result_dtype(call.weight, g)
    assert in_weight(call.input, call.weight.shape, g).dtype == oracles.result_dtype(call.input, g)


@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_keywords_are_those_of_the_call(name):
    call = inspect.signature(getattr(npconvt, name)).parameters
    keywords = {k: p.default for k, p in call.items() if k not in ("input", "weight", "bias")}
    for argument, first in (("input", ("input_shape", "weight")), ("weight", ("input", "weight_shape"))):
        parameters = inspect.signature(getattr(grad, f"{name}_{argument}")).parameters
        assert tuple(parameters)[:3] == (*first, "grad_output")
        only = {k: p.default for k, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
        assert only == keywords
        assert list(only) == list(keywords)


def test_the_method_asked_for_is_taken():
    x, w, y = np.ones((1, 5), int), np.ones((1, 1, 2), int), np.ones((1, 4), int)
    for call in (
        lambda: grad.conv_input(x.shape, w, y, method="fft"),
        lambda: grad.conv_weight(x, w.shape, y, method="fft"),
        lambda: grad.conv_transpose_input(y.shape, w, x, method="fft"),
        lambda: grad.conv_transpose_weight(y, w.shape, x, method="fft"),
    ):
        with pytest.raises(ValueError, match=r"^grad\.conv_\w+: method 'fft' needs a floating or complex result"):
            call()


def test_what_does_not_fit_is_refused():
    g = np.ones((2, 3, 4))
    with pytest.raises(ValueError, match=r"^grad\.conv_input: weight of shape \(3, 2, 2\) with groups=1 needs 2 input"):
        grad.conv_input((2, 5, 5), np.ones((3, 2, 2)), g)
    with pytest.raises(ValueError, match=r"^grad\.conv_transpose_input: grad_output must have shape \(2, 2, 6\), that"):
        grad.conv_transpose_input((2, 3, 5), np.ones((3, 2, 2)), g)
    with pytest.raises(ValueError, match=r"^grad\.conv_weight: input must have 2 or 3 axes, .* but has 4"):
        grad.conv_weight(np.ones((1, 2, 3, 4)), (3, 2, 2), g)
    with pytest.raises(ValueError, match=r"^grad\.conv_transpose_weight: output_padding must be smaller than stride"):
        grad.conv_transpose_weight(g, (3, 2, 2), g, output_padding=1)
    with pytest.raises(ValueError, match=r"^grad\.conv_weight: weight must have at least 2 axes"):
        grad.conv_weight(g, (3,), g)
    with pytest.raises(ValueError, match=r"^grad\.conv_input: method must be one of"):
        grad.conv_input((2, 3, 4), np.ones((3, 3, 1)), g, method="winograd")
