"""A convolution, or its transpose, as a few dense blocks that slide over the source.

Cut the result into equal tiles. Every tile is one small dense matrix times the window of the source it reads, and
along an axis all tiles read alike. One output at a time, the matrix is the weight itself; a tile of several outputs
along an axis has the weight in a band (the kernel matrix of the tile); in the transposed direction a tile of ``stride``
outputs holds every phase of the kernel, or each phase is a piece of its own. Arithmetic of integers only: what is done
with arrays is said in ``slide``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from math import gcd, prod

from npconvt._axis import ZEROS, Axis


@dataclass(frozen=True, slots=True)
class AxisPiece:
    """One axis: tile q reads the source at ``start + q*step + l*dilation`` and writes at ``first + q*hop + j``.

    ``table[j][l]`` is the tap that takes window position l to tile position j, or -1. Both coordinates may leave their
    array: the source is then padded, the result cropped.
    """

    start: int
    step: int
    dilation: int
    count: int
    first: int
    hop: int
    table: tuple[tuple[int, ...], ...]

    @property
    def window(self) -> int:
        """Number of source positions a tile reads."""
        return len(self.table[0])

    @property
    def tile(self) -> int:
        """Number of adjacent results in a tile."""
        return len(self.table)

    @property
    def has_zeros(self) -> bool:
        """Whether some position of the window is not used by some position of the tile."""
        return any(tap < 0 for row in self.table for tap in row)

    def leaves(self, source_size: int) -> bool:
        """Whether some window leaves a source of that size."""
        last = self.start + (self.count - 1) * self.step + (self.window - 1) * self.dilation
        return self.start < 0 or last >= source_size


@dataclass(frozen=True, slots=True)
class Piece:
    """A product of axes: the tiles of a box of the result."""

    axes: tuple[AxisPiece, ...]
    counts: tuple[int, ...]
    windows: tuple[int, ...]
    tiles: tuple[int, ...]

    @property
    def has_rows(self) -> bool:
        """Whether a window's rows along the first axis are consecutive."""
        return self.axes[0].dilation == 1 or self.axes[0].window == 1

    @classmethod
    def of(cls, axes: tuple[AxisPiece, ...]) -> "Piece":
        """The product of the given axes."""
        counts, windows, tiles = (tuple(getattr(a, name) for a in axes) for name in ("count", "window", "tile"))
        return cls(axes, counts, windows, tiles)


def forward_axis(axis: Axis, tile: int = 1) -> list[AxisPiece]:
    """Pieces of one axis of the convolution: ``tile`` outputs at a time, then the rest of the division."""
    n, m, k, s, d, lo, _, mode = axis
    if tile == 1:
        return [AxisPiece(-lo, s, d, m, 0, 1, (tuple(range(k)),))] if m else []
    g = gcd(s, d)
    pieces = []
    for first, size, count in ((0, tile, m // tile), (m - m % tile, m % tile, 1)):
        if size and count:
            start = first * s - lo
            window = range(start, start + (size - 1) * s + (k - 1) * d + 1, g)
            if count == 1 and mode == ZEROS:  # nothing slides: the window need not leave the source
                window = range(max(0, start % g if start < 0 else start), min(n, window.stop), g) or window[:1]
            table = _band(size, len(window), partial(_gathered_tap, window.start - start, g, s, d), k)
            pieces.append(AxisPiece(window.start, s * size, g, count, first, size, table))
    return pieces


def _gathered_tap(offset: int, g: int, s: int, d: int, j: int, position: int) -> tuple[int, int]:
    return divmod(offset + position * g - j * s, d)


def transposed_phases(n: int, k: int, s: int, d: int, lo: int) -> list[AxisPiece]:
    """Pieces of one axis of the transposed convolution, one for each phase of the stride that has taps."""
    pieces = []
    for first in range(min(s, n)):
        taps = [t for t in range(k - 1, -1, -1) if (first + lo - t * d) % s == 0]
        if taps:
            start = (first + lo - taps[0] * d) // s
            count = len(range(first, n, s))
            pieces.append(AxisPiece(start, 1, d // gcd(s, d), count, first, s, (tuple(taps),)))
    return pieces


def transposed_tiles(n: int, m: int, k: int, s: int, d: int, lo: int, tile: int) -> list[AxisPiece]:
    """Pieces of one axis of the transposed convolution: ``tile`` results, a multiple of the stride, at a time."""
    first = -(lo % s)
    whole = (n - first) // tile if s == 1 else -(-(n - first) // tile)
    pieces = []
    for begin, size, count in ((first, tile, whole), (first + whole * tile, n - first - whole * tile, 1)):
        if size > 0 and count > 0 and n:
            start = -(((k - 1) * d - begin - lo) // s)
            stop = (begin + size - 1 + lo) // s + 1
            if count == 1:  # nothing slides: the window need not leave the source
                start = min(max(start, 0), m - 1)
                stop = max(min(stop, m), start + 1)
            offset = begin + lo - start * s
            table = _band(size, stop - start, partial(_scattered_tap, offset, s, d), k)
            pieces.append(AxisPiece(start, size // s, 1, count, begin, size, table))
    return pieces


def _scattered_tap(offset: int, s: int, d: int, j: int, position: int) -> tuple[int, int]:
    return divmod(offset + j - position * s, d)


def _band(tile: int, window: int, tap: Callable[[int, int], tuple[int, int]], k: int) -> tuple[tuple[int, ...], ...]:
    rows = []
    for j in range(tile):
        pairs = [tap(j, position) for position in range(window)]
        rows.append(tuple(t if rest == 0 and 0 <= t < k else -1 for t, rest in pairs))
    return tuple(rows)


@lru_cache(maxsize=256)
def forward_pieces(axes: tuple[Axis, ...], tiles: tuple[int, ...]) -> tuple[Piece, ...]:
    """The convolution; ``tiles`` holds a tile size for each axis."""
    choices = [forward_axis(axis, tile) for axis, tile in zip(axes, tiles, strict=True)]
    return tuple(Piece.of(choice) for choice in product(*choices))


@lru_cache(maxsize=256)
def transposed_pieces(axes: tuple[Axis, ...], tiles: tuple[int, ...]) -> tuple[Piece, ...]:
    """The transposed convolution; ``tiles`` holds a tile size for each axis, 0 for one piece for each phase."""
    choices = [
        transposed_tiles(a.n, a.m, a.k, a.s, a.d, a.lo, tile) if tile else transposed_phases(a.n, a.k, a.s, a.d, a.lo)
        for a, tile in zip(axes, tiles, strict=True)
    ]
    return tuple(Piece.of(choice) for choice in product(*choices))


@lru_cache(maxsize=256)
def cover(pieces: tuple[Piece, ...], size: tuple[int, ...]) -> bool:
    """Whether the pieces, which never overlap, reach every position of a result of that size."""
    reached = sum(prod(_reach(axis, n) for axis, n in zip(piece.axes, size, strict=True)) for piece in pieces)
    return reached == prod(size)


def _reach(axis: AxisPiece, size: int) -> int:
    return sum(len(crop(axis, j, 0, axis.count, size)[1]) for j in range(axis.tile))


def crop(axis: AxisPiece, j: int, begin: int, end: int, size: int) -> tuple[slice, range]:
    """Which of the tiles begin:end (counted from begin) have position j inside a result of that size, and where."""
    origin = axis.first + j
    low = max(begin, -(origin // axis.hop))
    high = max(low, min(end, -((origin - size) // axis.hop)))
    return slice(low - begin, high - begin), range(origin + low * axis.hop, origin + high * axis.hop, axis.hop)
