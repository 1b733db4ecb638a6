"""The result of a cross-check: plain data that prints as a table."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from npconvt._crosscheck.reading import Array, Ints

Verdict = Literal["exact", "within rounding", "reduced precision", "different convention", "wrong shape", "unexplained"]


@dataclass(frozen=True, slots=True)
class Cause:
    """One explanation of a result, which gives exactly its data.

    Attributes
    ----------
    name : str
        One of the names in docs/crosscheck.md; two joined by "+" where both are needed.
    explanation, fix : str
        What happened, and what to change.
    parameters : dict
        The numbers found.
    general : bool
        Whether this cause contains others: it says where the data came from, not why.
    """

    name: str
    explanation: str
    fix: str
    parameters: dict[str, Any] = field(default_factory=dict)
    general: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What `crosscheck` found. Print it.

    Attributes
    ----------
    ok : bool
        Whether the result agrees: exactly, or within rounding.
    verdict : str
        "exact", "within rounding", "reduced precision", "different convention", "wrong shape" or "unexplained".
    causes : tuple of Cause
        All that give the result's data within rounding, simplest first, special ones before those that contain them.
    indistinguishable : tuple of str
        Names among `causes` that this case cannot tell apart; a note says whether another could.
    max_error : float
        Largest absolute error of an element (of its real or imaginary part); infinite where a number that should be
        finite is not, or the other way round; NaN where the shapes differ.
    max_bound_ratio : float
        Largest error over the bound of its element: at most 1 where rounding explains it.
    effective_bits : float
        Significant bits that agree, in the root mean square over `|w| * |x|`: 0 where the errors are as large as that,
        infinite where nothing differs. An element whose error is not finite, or that no input reaches, has none where
        it differs.
    where : dict
        Which elements are beyond their bounds: "elements", "border", "interior" as (number, of how many), "channels"
        and for a transposed call the "phases" of the stride as tuples.
    bound : str
        Which bound was used: "componentwise", "three products" or "normwise".
    op : str
        Name of the call.
    expected_shape, actual_shape : tuple of int
        `expected_shape` is None where the claimed call is impossible.
    expected_dtype, actual_dtype : str
        Names of dtypes.
    notes : tuple of str
        What else was seen.
    expected, actual, bound_ratio : ndarray or None
        The truth, the result, and per element the error over its bound, for a picture; no part of `to_json`.

    Examples
    --------
    >>> from npconvt import Case, crosscheck
    >>> case = Case("conv1d", [[1, 2, 3, 4]], [[[1, 10, 100]]])
    >>> print(crosscheck(case, [[123, 234]]))
    verdict        different convention  (differs)
    call           conv1d -> (1, 2) int64
    max error      198, where no rounding is possible
    agreeing bits  none: the errors are about as large as what is summed
    where          2 of 2 elements; border 0 of 0, interior 2 of 2; channels 0
    <BLANKLINE>
    cause          kernel_flipped
    what           The kernel was reversed: convolution against correlation, or JAX's conv_transpose without ...
    fix            Flip the weight along these spatial axes before one of the calls.
    found          axes = (0,)
    """

    ok: bool
    verdict: Verdict
    causes: tuple[Cause, ...]
    indistinguishable: tuple[str, ...]
    max_error: float
    max_bound_ratio: float
    effective_bits: float
    where: dict[str, Any]
    bound: str
    op: str
    expected_shape: Ints | None
    actual_shape: Ints
    expected_dtype: str
    actual_dtype: str
    notes: tuple[str, ...] = ()
    expected: Array | None = field(default=None, repr=False, compare=False)
    actual: Array | None = field(default=None, repr=False, compare=False)
    bound_ratio: Array | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> str:
        """Return the report as JSON text; numbers that are not finite are null.

        Returns
        -------
        str
            An object with the attributes, but for the arrays.

        Examples
        --------
        >>> import json
        >>> import numpy as np
        >>> from npconvt import Case, crosscheck
        >>> case = Case("conv1d", [[1, 2, 3]], [[[1, 10]]])
        >>> json.loads(crosscheck(case, case.expected()).to_json())["verdict"]
        'exact'
        """
        arrays = ("expected", "actual", "bound_ratio")
        data = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in arrays}
        data["causes"] = [{name: getattr(c, name) for name in c.__dataclass_fields__} for c in self.causes]
        return json.dumps(_plain(data), allow_nan=False)

    def __str__(self) -> str:
        rows = [("verdict", self.verdict + ("" if self.ok else "  (differs)")), ("call", self._call())]
        if not math.isnan(self.max_error):
            rows.append(("max error", f"{self.max_error:.3g}, {self._against_bound()}"))
            rows.append(("agreeing bits", self._agreeing()))
        if self.where.get("elements", (0, 0))[0]:
            rows.append(("where", _place(self.where)))
        for cause in self.causes:
            rows += [("", ""), ("cause", cause.name + ("  (contains the above)" if self._contains(cause) else ""))]
            rows += [("what", cause.explanation), ("fix", cause.fix)]
            rows += [("found", f"{name} = {_short(value)}") for name, value in cause.parameters.items()]
        rows += [("", ""), *(("note", note) for note in self.notes)] if self.notes else []
        wide = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:{wide}}  {text}".rstrip() for name, text in rows)

    def _contains(self, cause: Cause) -> bool:
        return cause.general and any(not other.general for other in self.causes)

    def _call(self) -> str:
        expected = "impossible" if self.expected_shape is None else f"{self.expected_shape} {self.expected_dtype}"
        actual = f"{self.actual_shape} {self.actual_dtype}"
        return f"{self.op} -> {expected}" + ("" if actual == expected else f", but got {actual}")

    def _agreeing(self) -> str:
        if self.effective_bits < 1:
            return "none: the errors are about as large as what is summed"
        return "all" if math.isinf(self.effective_bits) else f"{self.effective_bits:.1f}"

    def _against_bound(self) -> str:
        if self.max_bound_ratio == 0:
            return "no element differs" if self.max_error == 0 else f"{self.bound} bound not in question"
        if math.isinf(self.max_bound_ratio):
            return "where no rounding is possible"
        return f"{self.max_bound_ratio:.3g} times its bound ({self.bound})"


def _place(where: dict[str, Any]) -> str:
    def share(name: str) -> str:
        return "{} of {}".format(*where[name])

    text = f"{share('elements')} elements; border {share('border')}, interior {share('interior')}"
    for name in ("channels", "phases"):
        if name in where:
            listed = where[name]
            shown = ", ".join(map(str, listed[:6])) + (" …" if len(listed) > 6 else "")
            text += f"; {name} {shown}"
    return text


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 160 else text[:157] + "..."


def _plain(value: Any) -> Any:
    """The value in types that JSON has."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, complex):
        return [_plain(value.real), _plain(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
