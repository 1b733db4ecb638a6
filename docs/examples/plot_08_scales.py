"""
A signal taken apart by scale
=============================

A smoothing kernel with growing dilation (1, 2, 4, …) looks at a signal on coarser and coarser scales with five taps
each: the "à trous" wavelet. What each step removes is a layer of detail; all layers add up to the signal again. The
recording is a piece of brain activity that matplotlib ships as ``eeg.dat``, four channels of 800 samples.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data

from npconvt import conv1d

with get_sample_data("eeg.dat") as file:
    signal = np.frombuffer(file.read(), float).reshape(800, 4).T

kernel = np.tile(np.array([1, 4, 6, 4, 1]) / 16, (4, 1, 1))  # one for each channel
smooth, details = signal, []
for dilation in (1, 2, 4, 8, 16):
    coarser = conv1d(smooth, kernel, padding=2 * dilation, dilation=dilation, groups=4, padding_mode="reflect")
    details.append(smooth - coarser)
    smooth = coarser

figure, axes = plt.subplots(7, 1, figsize=(9, 8), sharex=True, layout="constrained")
names = ["signal", *(f"detail {2**i}" for i in range(5)), "rest"]
for ax, name, layer in zip(axes, names, [signal, *details, smooth], strict=True):
    ax.plot(layer[0], color="#0072b2", linewidth=0.8)
    ax.set_ylabel(name, rotation=0, ha="right", fontsize=9)
    ax.set_yticks([])
axes[0].set_title("one channel of the recording; each layer on a scale of its own", fontsize=10)
axes[-1].set_xlabel("sample")

np.testing.assert_allclose(smooth + sum(details), signal, rtol=0, atol=1e-10)
