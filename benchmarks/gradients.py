"""Time of the gradient in the weight, beside PyTorch's `torch.nn.grad`.

    python benchmarks/gradients.py [--small] [--rounds N]

Layers are the convolutions of two axes in run.py; ratios are PyTorch's time / ours, of alternating blocks.
"""

from __future__ import annotations

import argparse
from functools import partial

import torch
from cases import LAYERS, SMALL_LAYERS
from run import DTYPES, arrays, ratio, rounds

import npconvt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="tiny layers, to keep the program alive")
    options = parser.parse_args()
    for layer in SMALL_LAYERS if options.small else LAYERS:
        if layer.op != "conv2d":
            continue
        for batch in layer.batches:
            for dtype in DTYPES:
                x, w = arrays(layer, batch, dtype)
                y = npconvt.conv2d(x, w, **layer.params)
                theirs = partial(torch.nn.grad.conv2d_weight, torch.from_numpy(x), w.shape, torch.from_numpy(y))
                calls = {
                    "npconvt": partial(npconvt.grad.conv_weight, x, w.shape, y, **layer.params),
                    "torch": partial(theirs, **layer.params),
                }
                times = rounds(calls, options.rounds)
                median, low, high = ratio(times["torch"], times["npconvt"])
                print(f"{layer.title:48} x{batch} {dtype}  {median:7.2f} ({low:.2f} to {high:.2f})", flush=True)


if __name__ == "__main__":
    main()
