"""Pictures of what a convolution does: its arithmetic, its matrix, its overlaps, its errors and its cost.

Every function draws on the matplotlib axes or figure it is given, or on a new one, and returns it; none shows it.
Colours are told apart by the colour-blind and in grey print. matplotlib is imported when a picture is asked for:
`pip install 'npconvt[plot]'`.
"""

from npconvt.plot._arithmetic import animation, arithmetic, steps
from npconvt.plot._cost import cost
from npconvt.plot._maps import overlap, receptive_field
from npconvt.plot._matrix import kernel_matrix
from npconvt.plot._report import report

__all__ = ["animation", "arithmetic", "cost", "kernel_matrix", "overlap", "receptive_field", "report", "steps"]
