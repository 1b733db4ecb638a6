"""Ways to contract a geometry, a weight and an array. Each gives the answer that the kernel matrix defines."""

from npconvt._methods.choose import Road, describe, prepare, weight_gradient

__all__ = ["Road", "describe", "prepare", "weight_gradient"]
