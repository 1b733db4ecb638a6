"""The layers that are timed: shapes of real networks, and the plain one-channel filters of image processing."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Layer:
    """One call: its name, the input without the batch axis, the weight, and the keywords."""

    name: str
    op: str
    input_shape: tuple[int, ...]
    weight_shape: tuple[int, ...]
    params: dict[str, Any] = field(default_factory=dict)
    batches: tuple[int, ...] = (1, 8)

    @property
    def transposed(self) -> bool:
        return "transpose" in self.op

    @property
    def title(self) -> str:
        return f"{'transposed ' if self.transposed else ''}{self.name}"

    @property
    def is_filter(self) -> bool:
        """Whether it is a plain filter: one channel, no stride, dilation or padding."""
        return self.input_shape[0] == 1 and self.weight_shape[:2] == (1, 1) and not self.params


def _conv(name, channels, sizes, kernel, batches=(1, 8), **params):
    c_in, c_out = channels
    groups = params.get("groups", 1)
    op = f"conv{len(sizes)}d"
    return Layer(name, op, (c_in, *sizes), (c_out, c_in // groups, *kernel), params, batches)


def _transposed(name, channels, sizes, kernel, batches=(1, 8), **params):
    c_in, c_out = channels
    groups = params.get("groups", 1)
    op = f"conv_transpose{len(sizes)}d"
    return Layer(name, op, (c_in, *sizes), (c_in, c_out // groups, *kernel), params, batches)


LAYERS = (
    _conv("64->64 3x3 p1, 56x56", (64, 64), (56, 56), (3, 3), padding=1),
    _conv("64->128 3x3 s2 p1, 56x56", (64, 128), (56, 56), (3, 3), stride=2, padding=1),
    _conv("3->64 7x7 s2 p3, 224x224", (3, 64), (224, 224), (7, 7), stride=2, padding=3),
    _conv("256->256 3x3 p1, 14x14", (256, 256), (14, 14), (3, 3), padding=1),
    _conv("256->64 1x1, 28x28", (256, 64), (28, 28), (1, 1)),
    _conv("depthwise 64 3x3 p1, 56x56", (64, 64), (56, 56), (3, 3), padding=1, groups=64),
    _conv("32->32 3x3 d2 p2, 64x64", (32, 32), (64, 64), (3, 3), padding=2, dilation=2),
    _conv("1->1 3x3, 512x512", (1, 1), (512, 512), (3, 3)),
    _conv("1->1 15x15, 512x512", (1, 1), (512, 512), (15, 15)),
    _conv("1->1 31x31, 512x512", (1, 1), (512, 512), (31, 31)),
    _conv("64->64 k5, 4000", (64, 64), (4000,), (5,)),
    _conv("16->16 3x3x3 p1, 16x32x32", (16, 16), (16, 32, 32), (3, 3, 3), padding=1),
    _transposed("100->512 4x4, 1x1", (100, 512), (1, 1), (4, 4), batches=(8,)),
    _transposed("256->128 4x4 s2 p1, 8x8", (256, 128), (8, 8), (4, 4), batches=(8,), stride=2, padding=1),
    _transposed("64->3 4x4 s2 p1, 32x32", (64, 3), (32, 32), (4, 4), batches=(8,), stride=2, padding=1),
    _transposed("128->64 2x2 s2, 64x64", (128, 64), (64, 64), (2, 2), stride=2),
    _transposed("128->64 3x3 s2 p1 op1, 28x28", (128, 64), (28, 28), (3, 3), stride=2, padding=1, output_padding=1),
    _transposed("21 groups 16x16 s8 p4, 32x32", (21, 21), (32, 32), (16, 16), stride=8, padding=4, groups=21),
    _transposed("1->1 3x3, 512x512", (1, 1), (512, 512), (3, 3)),
    _transposed("512->256 k16 s8 p4, 100", (512, 256), (100,), (16,), stride=8, padding=4),
    _transposed("64->32 2x2x2 s2, 8x16x16", (64, 32), (8, 16, 16), (2, 2, 2), stride=2),
    _transposed("64->64 g4 3x3 s2 p1, 32x32", (64, 64), (32, 32), (3, 3), stride=2, padding=1, groups=4),
)

SMALL_LAYERS = (
    _conv("4->4 3x3 p1, 8x8", (4, 4), (8, 8), (3, 3), batches=(2,), padding=1),
    _conv("1->1 5x5, 20x20", (1, 1), (20, 20), (5, 5), batches=(1,)),
    _transposed("4->2 4x4 s2 p1, 6x6", (4, 2), (6, 6), (4, 4), batches=(1,), stride=2, padding=1),
    _transposed("1->1 3x3, 20x20", (1, 1), (20, 20), (3, 3), batches=(1,)),
    _transposed(
        "4->4 g2 3x3 s2 p1 op1, 5x5",
        (4, 4),
        (5, 5),
        (3, 3),
        batches=(1,),
        stride=2,
        padding=1,
        output_padding=1,
        groups=2,
    ),
)

# What grows, layers by its size, and the peers drawn beside npconvt.
SWEEPS = {
    "pixels (16 channels, 3x3)": (
        [(n * n, _conv(f"{n}x{n}", (16, 16), (n, n), (3, 3), padding=1)) for n in (32, 64, 128, 256, 512, 1024)],
        ("torch",),
    ),
    "taps (one channel, 256x256)": (
        [(k * k, _conv(f"{k}x{k}", (1, 1), (256, 256), (k, k))) for k in (3, 5, 9, 17, 33, 65)],
        ("torch", "fft"),
    ),
    "channels in x out (3x3, 28x28)": (
        [(c * c, _conv(f"{c}->{c}", (c, c), (28, 28), (3, 3), padding=1)) for c in (8, 16, 32, 64, 128, 256)],
        ("torch",),
    ),
}
