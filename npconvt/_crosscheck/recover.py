"""The matrix of a linear function that can only be called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from npconvt import _arguments as arguments
from npconvt._crosscheck.bound import precision
from npconvt._crosscheck.reading import Array, Ints

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    Triplets = tuple[Array, Array, Array]

# Elements handed over in one call of a batched function.
BATCH_ELEMENTS = 2**22
# A quotient of two responses is a number of an impulse if it is this near to a whole one.
NEAR = 1e-3
# A function that goes through an FFT errs by what its largest numbers do, on elements that have next to none, too: less
# than this share of the largest sum does not count for itself.
LEAST = 1e-3


@dataclass(eq=False, slots=True)
class _Function:
    """The function, called with whole numbers in float64, its offset taken off and its result checked."""

    function: Callable[[Array], ArrayLike]
    input_shape: Ints
    batched: bool
    output_shape: Ints = ()
    offset: Array | None = None

    def stack(self, inputs: Array) -> Array:
        """Results for a stack of inputs, as (B, output elements), with the offset taken off."""
        if not self.batched:
            return np.stack([self._result(self.function(x.copy()), ()) for x in inputs])
        step = max(1, BATCH_ELEMENTS // max(1, prod(self.input_shape)))
        parts = [inputs[i : i + step] for i in range(0, len(inputs), step)]
        return np.concatenate([self._result(self.function(part.copy()), (len(part),)) for part in parts])

    def _result(self, value: Any, lead: Ints) -> Array:
        array = arguments.array("recover_matrix", "the function's result", value)
        if array.dtype.kind in "biu":
            array = array.astype(np.int64)
        elif array.dtype == np.float16:  # SciPy has no sparse arrays of it
            array = array.astype(np.float32)
        count = int((~np.isfinite(array)).sum())
        if count:
            msg = f"recover_matrix: function must return finite numbers, but {count} of {array.size} are not."
            raise ValueError(msg)
        if self.offset is None:
            if array.shape[: len(lead)] != lead:
                msg = (
                    f"recover_matrix: function must return as many results as inputs ({lead[0]}), "
                    f"but returned shape {array.shape}."
                )
                raise ValueError(msg)
            self.output_shape = array.shape[len(lead) :]
            self.offset = np.zeros(prod(self.output_shape), array.dtype)
        if array.shape != (*lead, *self.output_shape):
            msg = (
                f"recover_matrix: function must return shape {(*lead, *self.output_shape)} for every input, "
                f"but returned {array.shape}."
            )
            raise ValueError(msg)
        return array.reshape(*lead, -1) - self.offset


def recover_matrix(
    function: Callable[[Array], ArrayLike], input_shape: Sequence[int], *, batched: bool = False
) -> tuple[sparse.csr_array, Array]:
    """Return the matrix and the offset of a linear (or affine) function of an array.

    Parameters
    ----------
    function : callable
        Takes a float64 array of exactly `input_shape` and returns an array, always of one shape. Any linear or affine
        function of real arrays: a layer of another framework, a filter.
    input_shape : sequence of int
        Shape of its argument.
    batched : bool
        Whether the function takes and returns stacks, `(B, *input_shape)`. Then few calls are needed.

    Returns
    -------
    matrix : scipy.sparse.csr_array, shape (output elements, input elements)
        `function(x).ravel() == matrix @ x.ravel() + offset.ravel()`. Zeros are not stored.
    offset : ndarray, of the output's shape
        `function(0)`.

    Raises
    ------
    ValueError
        Where the function is not linear: its results for random inputs are no sums of its results for impulses. Where
        its results are not finite, or not of one shape.
    TypeError
        Where it is no function, or returns no numbers.

    Notes
    -----
    Impulses that are further apart than the function reaches share a call, in the manner in which Curtis, Powell and
    Reid group the columns of a sparse Jacobian. Each group is sent twice, the second time with the impulses numbered,
    so the quotient of both results tells which impulse an element answers. What comes out is tried on random inputs; if
    it fails, the impulses are set further apart, and in the end every one gets a call of its own. All numbers sent are
    whole, so that narrow formats hold them: rounding to whole numbers goes unnoticed.

    References
    ----------
    A. R. Curtis, M. J. D. Powell and J. K. Reid, "On the estimation of sparse Jacobian matrices", IMA J. Appl. Math. 13
    (1974).

    Examples
    --------
    >>> import numpy as np
    >>> from npconvt import conv1d, recover_matrix
    >>> matrix, offset = recover_matrix(lambda x: conv1d(x, [[[1, 10]]], [5]), (1, 4))
    >>> matrix.toarray().astype(int)
    array([[ 1, 10,  0,  0],
           [ 0,  1, 10,  0],
           [ 0,  0,  1, 10]])
    >>> offset
    array([[5., 5., 5.]])
    >>> recover_matrix(lambda x: x * x, (3,))
    Traceback (most recent call last):
    ...
    ValueError: recover_matrix: function must be linear (or affine), but it is not linear: ...
    """
    shape = arguments.shape("recover_matrix", "input_shape", input_shape)
    if not callable(function):
        msg = f"recover_matrix: function must be callable, but got a {type(function).__name__}."
        raise TypeError(msg)
    call = _Function(function, shape, batched)
    offset = call.stack(np.zeros((1, *shape)))[0]
    call.offset = offset
    trials = _trials(shape)
    answers = call.stack(trials)
    _check_additive(answers)
    for triplets in _attempts(call, answers):
        matrix = sparse.csr_array((triplets[2], triplets[:2]), shape=(offset.size, prod(shape)))
        if _explains(matrix, trials, answers):
            return matrix, offset.reshape(call.output_shape)
    msg = (
        "recover_matrix: function must be linear (or affine), but it is not linear: its results for random arrays "
        "are not the sums of its results for impulses."
    )
    raise ValueError(msg)


def _attempts(call: _Function, answers: Array) -> Iterator[Triplets]:
    """Entries found with few calls, then those found with one for each impulse."""
    if not answers.any():
        none = np.zeros(0, int)
        yield none, none, np.zeros(0, answers.dtype)
    elif not call.batched:
        for spacing in _spacings(call):
            triplets = _by_groups(call, spacing)
            if triplets is not None:
                yield triplets
    yield _one_by_one(call)


# --- trials ----------------------------------------------------------------------------------------------------------


def _trials(shape: Ints) -> Array:
    """Two random arrays and twice the first less the second: small whole numbers, exact in every format."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(-4, 5, (2, *shape)).astype(float)
    return np.stack([a, b, 2 * a - b])


def _room(answers: Array) -> float:
    """Relative error let pass: reduced precision is not the subject, and some roundoff's square root passes TF32's."""
    kind = precision(answers.dtype)
    return 0.0 if kind is None else float(8 * np.sqrt(kind.u))


def _check_additive(answers: Array) -> None:
    a, b, mixed = answers
    size = max(float(abs(answers).max(initial=0.0)), 1e-300)
    error = float(abs(mixed - (2 * a - b)).max(initial=0.0))
    if not error <= _room(answers) * size:
        msg = (
            "recover_matrix: function must be linear (or affine), but it is not linear: "
            f"f(2 a - b) - f(0) differs from 2 (f(a) - f(0)) - (f(b) - f(0)) by {error:.3g}."
        )
        raise ValueError(msg)


def _explains(matrix: sparse.csr_array, trials: Array, answers: Array) -> bool:
    columns = trials.reshape(len(trials), -1).T
    error = abs(matrix @ columns - answers.T)
    size = abs(matrix) @ abs(columns)
    size = np.maximum(size, size.max(initial=0.0) * LEAST)
    return bool((error <= _room(answers) * size).all())


# --- groups ----------------------------------------------------------------------------------------------------------


def _spacings(call: _Function) -> Iterator[Ints]:
    """Distances between impulses, per axis, at which two responses were seen apart; then greater ones.

    Other impulses may need more room than the two looked at, because a stride places each in its windows differently.
    """
    shape = call.input_shape
    if prod(shape) <= 8 or not call.output_shape:
        return
    start, first = _answered(call)
    spacing = tuple(_distance(call, start, axis, first) for axis in range(len(shape)))
    while 2 * prod(spacing) < prod(shape):
        yield spacing
        spacing = tuple(min(n, s + max(1, s // 3)) for n, s in zip(shape, spacing, strict=True))


def _answered(call: _Function) -> tuple[Ints, Array]:
    """A place whose impulse is answered, found by halving where a stride passes over the first one tried, and where."""
    start = tuple((n - 1) // 3 for n in call.input_shape)
    reached = _reached(call, start)
    if reached.any():
        return start, reached
    values = _trials(call.input_shape)[0].ravel()
    among = np.flatnonzero(values)
    while among.size > 1:
        half = among[: among.size // 2]
        x = np.zeros(values.size)
        x[half] = values[half]
        among = half if call.stack(x.reshape(1, *call.input_shape)).any() else among[among.size // 2 :]
    place = tuple(int(i) for i in np.unravel_index(among[0], call.input_shape))
    return place, _reached(call, place)


def _distance(call: _Function, start: Ints, axis: int, first: Array) -> int:
    """How far along an axis another impulse has to be to share no element of the result with the first one."""
    n = call.input_shape[axis]
    distance = 1
    while start[axis] + distance < n:
        moved = tuple(p + distance * (a == axis) for a, p in enumerate(start))
        if not (first & _reached(call, moved)).any():
            return distance
        distance += max(1, distance // 3)
    return n


def _reached(call: _Function, place: Ints) -> Array:
    """Which elements of the result one impulse reaches."""
    x = np.zeros(call.input_shape)
    x[place] = 1
    reached: Array = call.stack(x[None])[0] != 0
    return reached


def _by_groups(call: _Function, spacing: Ints) -> Triplets | None:
    """Entries by groups of impulses; None where two impulses of a group reach the same element."""
    rows, columns, entries = [], [], []
    index = np.arange(prod(call.input_shape)).reshape(call.input_shape)
    for phase in product(*map(range, spacing)):
        members = index[tuple(slice(p, None, s) for p, s in zip(phase, spacing, strict=True))].ravel()
        if not members.size:
            continue
        stacked = np.zeros((2, index.size))
        stacked[0, members] = 1
        stacked[1, members] = np.arange(1, members.size + 1)
        once, numbered = call.stack(stacked.reshape(2, *call.input_shape))
        reached = np.flatnonzero((once != 0) | (numbered != 0))
        with np.errstate(all="ignore"):
            quotient = numbered[reached] / once[reached]
            number = np.rint(quotient.real)
            bad = ~(abs(quotient - number) <= NEAR) | (number < 1) | (number > members.size)
        if bad.any():
            return None
        rows.append(reached)
        columns.append(members[number.astype(int) - 1])
        entries.append(once[reached])
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(entries)


def _one_by_one(call: _Function) -> Triplets:
    size = prod(call.input_shape)
    rows, columns, entries = [], [], []
    step = max(1, BATCH_ELEMENTS // max(1, size)) if call.batched else 1
    for start in range(0, size, step):
        count = min(step, size - start)
        impulses = np.zeros((count, size))
        impulses[np.arange(count), start + np.arange(count)] = 1
        answers = call.stack(impulses.reshape(count, *call.input_shape))
        column, row = np.nonzero(answers)
        rows.append(row)
        columns.append(column + start)
        entries.append(answers[column, row])
    if not rows:
        none = np.zeros(0, int)
        return none, none, np.zeros(0)
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(entries)
