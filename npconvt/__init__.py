"""Convolution and transposed convolution as one sparse matrix and its transpose."""

__version__ = "0.1.0"
