"""Every message of the core, with its numbers; and no message that is not here."""

import ast
import dataclasses
import re
import traceback
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import npconvt
from npconvt import Case, ConvGeometry, conv, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, kernel_matrix

X, W = np.ones((1, 1, 5, 6)), np.ones((1, 1, 3, 3))  # for conv2d
L, K = np.ones((2, 3, 7)), np.ones((3, 3, 2))  # for conv1d
G = ConvGeometry.conv((1, 4, 4), (1, 1, 3, 3))

CASES = {
    # ---- arrays
    "object": (
        lambda: conv1d(np.array([[None, 1]]), K),
        TypeError,
        "conv1d: input must hold numbers, but its dtype is object.",
    ),
    "text": (
        lambda: conv2d(X, [[[["a"]]]]),
        TypeError,
        "conv2d: weight must hold numbers, but its dtype is <U1.",
    ),
    "dates": (
        lambda: conv1d(L, K, np.zeros(3, "M8[s]")),
        TypeError,
        "conv1d: bias must hold numbers, but its dtype is datetime64[s].",
    ),
    "bfloat16 in a file": (
        lambda: conv1d(L.astype(np.float16).view("V2"), K),
        TypeError,
        "conv1d: input must hold numbers, but its dtype is |V2. If input was bfloat16, convert it to float32 before it "
        "is saved.",
    ),
    "no type": (
        lambda: npconvt.probe("conv1d", L.shape, K.shape, dtype="bfloat16"),
        TypeError,
        "probe: dtype must be a type of numbers, but got 'bfloat16'.",
    ),
    "type of text": (
        lambda: npconvt.error_bound(npconvt.Case("conv1d", L, K), "S3"),
        TypeError,
        "error_bound: dtype must be a type of numbers, but got |S3.",
    ),
    "no type at all": (
        lambda: npconvt.error_bound(npconvt.Case("conv1d", L, K), None),
        TypeError,
        "error_bound: dtype must be a type of numbers, but got None.",
    ),
    "seed below zero": (
        lambda: npconvt.probe("conv1d", L.shape, K.shape, seed=-1),
        ValueError,
        "probe: seed must be at least 0, but got -1.",
    ),
    "kind that is no text": (
        lambda: npconvt.probe("conv1d", L.shape, K.shape, kind=np.ones(2)),
        TypeError,
        "probe: kind must be one of 'convention', 'precision', 'overflow' or 'conjugate', but got array([1., 1.]).",
    ),
    "bias that is no flag": (
        lambda: npconvt.probe("conv1d", L.shape, K.shape, bias=[1, 2, 3]),
        TypeError,
        "probe: bias must be True or False, but got [1, 2, 3].",
    ),
    "nothing": (
        lambda: conv2d(None, W),
        TypeError,
        "conv2d: input must hold numbers, but its dtype is object.",
    ),
    "masked": (
        lambda: conv1d(np.ma.masked_array([[1, 2]]), K),
        TypeError,
        "conv1d: input must not be a masked array, whose mask would be lost. Pass input.filled(0), or .data.",
    ),
    "sparse": (
        lambda: kernel_matrix(scipy.sparse.csr_array(np.eye(3)), (4, 4)),
        TypeError,
        "kernel_matrix: weight must be a dense array, but is a csr_array. Pass weight.toarray().",
    ),
    "bias": (
        lambda: conv1d(L, K, np.ones((3, 1))),
        ValueError,
        "conv1d: bias must have shape (3,), one per output channel, but has shape (3, 1).",
    ),
    "bias transposed": (
        lambda: conv_transpose1d(L, np.ones((3, 2, 2)), np.ones(3), groups=3),
        ValueError,
        "conv_transpose1d: bias must have shape (6,), one per output channel, but has shape (3,).",
    ),
    # ---- ints, one per axis
    "too many strides": (
        lambda: conv2d(X, W, stride=(1, 2, 3)),
        ValueError,
        "conv2d: stride must be an int or one int per spatial axis, of which there are 2, but got 3: (1, 2, 3).",
    ),
    "no dilations": (
        lambda: conv2d(X, W, dilation=()),
        ValueError,
        "conv2d: dilation must be an int or one int per spatial axis, of which there are 2, but got 0: ().",
    ),
    "output_padding of one axis": (
        lambda: conv_transpose1d(L, K, output_padding=(0, 0)),
        ValueError,
        "conv_transpose1d: output_padding must be an int or one int per spatial axis, of which there are 1, but got 2: "
        "(0, 0).",
    ),
    "stride 0": (
        lambda: conv2d(X, W, stride=0),
        ValueError,
        "conv2d: stride must be at least 1, but got 0.",
    ),
    "one stride -2": (
        lambda: conv2d(X, W, stride=(1, -2)),
        ValueError,
        "conv2d: stride must be at least 1, but got (1, -2).",
    ),
    "stride of 71 bits": (
        lambda: conv2d(X, W, stride=(1, 2**70)),
        ValueError,
        "conv2d: stride must be at most 9223372036854775807, but got (1, 1180591620717411303424).",
    ),
    "dilation of 71 bits": (
        lambda: conv_transpose2d(X, W, dilation=2**70),
        ValueError,
        "conv_transpose2d: dilation must be at most 9223372036854775807, but got 1180591620717411303424.",
    ),
    "dilation 0": (
        lambda: ConvGeometry.conv((1, 5), (1, 1, 2), dilation=np.int64(0)),
        ValueError,
        "ConvGeometry.conv: dilation must be at least 1, but got np.int64(0).",
    ),
    "output_padding -1": (
        lambda: conv_transpose1d(L, K, output_padding=-1),
        ValueError,
        "conv_transpose1d: output_padding must be at least 0, but got -1.",
    ),
    "groups 0": (
        lambda: conv1d(L, K, groups=0),
        ValueError,
        "conv1d: groups must be at least 1, but got 0.",
    ),
    "float stride": (
        lambda: conv2d(X, W, stride=1.5),
        TypeError,
        "conv2d: stride must be made of ints, but got 1.5 of type float.",
    ),
    "bool dilation": (
        lambda: conv2d(X, W, dilation=(1, True)),
        TypeError,
        "conv2d: dilation must be made of ints, but got True of type bool.",
    ),
    "bool array": (
        lambda: conv2d(X, W, stride=np.array([True, True])),
        TypeError,
        "conv2d: stride must be made of ints, but got True of type bool.",
    ),
    "text stride": (
        lambda: conv2d(X, W, stride="2"),
        TypeError,
        "conv2d: stride must be made of ints, but got '2' of type str.",
    ),
    "groups None": (
        lambda: conv1d(L, K, groups=None),
        TypeError,
        "conv1d: groups must be made of ints, but got None of type NoneType.",
    ),
    "shape": (
        lambda: kernel_matrix([1, 2], 5),
        TypeError,
        "kernel_matrix: input_shape must be a sequence of ints, but got 5.",
    ),
    "array for a shape": (
        lambda: kernel_matrix(W, X[0]),
        TypeError,
        "kernel_matrix: input_shape must be a sequence of ints, but got an array of shape (1, 5, 6). Pass its shape in "
        "place of the array.",
    ),
    "a long value": (
        lambda: conv2d(X, W, stride=list(range(1, 1000))),
        ValueError,
        "conv2d: stride must be an int or one int per spatial axis, of which there are 2, but got 999: "
        f"{str(list(range(1, 1000)))[:97]}....",
    ),
    "padding of 71 bits": (
        lambda: conv1d(L, K, padding=((0, 2**70),), stride=2**62),
        ValueError,
        "conv1d: padding must be at most 9223372036854775807, but got 1180591620717411303424.",
    ),
    "cropping of 71 bits": (
        lambda: conv1d(L, K, padding=-(2**70)),
        ValueError,
        "conv1d: padding must be at least -9223372036854775807, but got -1180591620717411303424.",
    ),
    "negative shape": (
        lambda: ConvGeometry.conv((1, -5), (1, 1, 2)),
        ValueError,
        "ConvGeometry.conv: input_shape must be at least 0, but got (1, -5).",
    ),
    "flag": (
        lambda: kernel_matrix([1, 2], (5,), transposed=1),
        TypeError,
        "kernel_matrix: transposed must be True or False, but got 1.",
    ),
    # ---- padding
    "word": (
        lambda: conv2d(X, W, padding="full"),
        ValueError,
        "conv2d: padding as a word must be one of 'valid', 'same' or 'same_lower', but got 'full'.",
    ),
    "too many paddings": (
        lambda: conv2d(X, W, padding=(1, 1, 2, 2)),
        ValueError,
        "conv2d: padding must be an int, a word, or one int or (before, after) pair per spatial axis, of which there "
        "are 2, but got 4: (1, 1, 2, 2).",
    ),
    "bare pair": (
        lambda: conv1d(L, K, padding=(1, 2)),
        ValueError,
        "conv1d: padding must be an int, a word, or one int or (before, after) pair per spatial axis, of which there "
        "are 1, but got 2: (1, 2). One pair (before, after) is written ((1, 2),).",
    ),
    "triple": (
        lambda: conv1d(L, K, padding=((1, 2, 3),)),
        ValueError,
        "conv1d: padding of an axis must be an int or a (before, after) pair, but got (1, 2, 3).",
    ),
    "padding 0.5": (
        lambda: conv1d(L, K, padding=((0, 0.5),)),
        TypeError,
        "conv1d: padding must be made of ints, but got 0.5 of type float.",
    ),
    "mode": (
        lambda: conv1d(L, K, padding_mode="constant"),
        ValueError,
        "conv1d: padding_mode must be one of 'zeros', 'reflect', 'replicate' or 'circular', but got 'constant'.",
    ),
    "no mode": (
        lambda: conv1d(L, K, padding_mode={}),
        TypeError,
        "conv1d: padding_mode must be one of 'zeros', 'reflect', 'replicate' or 'circular', but got {}.",
    ),
    "kernel too long": (
        lambda: conv2d(X, W, padding=((1, -1), 0), dilation=(1, 3)),
        ValueError,
        "conv2d: the kernel must not be longer than the padded input, but on spatial axis 1 it spans 7 (3 taps, "
        "dilation 3) and the padded input 6 (6 + 0 + 0).",
    ),
    "reflect": (
        lambda: conv1d(L, K, padding=7, padding_mode="reflect"),
        ValueError,
        "conv1d: padding with padding_mode='reflect' must be at most 6 on spatial axis 0 of size 7, but got (7, 7).",
    ),
    "circular after a crop": (
        lambda: conv1d(L, K, padding=((6, -2),), padding_mode="circular"),
        ValueError,
        "conv1d: padding with padding_mode='circular' must be at most 5 on spatial axis 0 of size 5, but got (6, -2).",
    ),
    "reflect transposed": (
        lambda: conv_transpose1d(L, K, padding=3, padding_mode="reflect"),
        ValueError,
        "conv_transpose1d: padding with padding_mode='reflect' must be at most 1 on spatial axis 0 of size 2, but got "
        "(3, 3).",
    ),
    "crop": (
        lambda: conv1d(L, K, padding=((-8, 9),)),
        ValueError,
        "conv1d: negative padding must leave at least one element, but on spatial axis 0 of size 7 got (-8, 9).",
    ),
    # ---- shapes that belong together
    "weight ndim": (
        lambda: conv3d(X, W),
        ValueError,
        "conv3d: weight must have 5 axes, (C_out, C_in/groups, *kernel), but has 4: shape (1, 1, 3, 3).",
    ),
    "input ndim": (
        lambda: conv2d(X[0, 0], W),
        ValueError,
        "conv2d: input must have 3 or 4 axes, (C_in, *spatial) or (N, C_in, *spatial), but has 2: shape (5, 6).",
    ),
    "transposed weight ndim": (
        lambda: conv_transpose2d(X, W[0]),
        ValueError,
        "conv_transpose2d: weight must have 4 axes, (C_in, C_out/groups, *kernel), but has 3: shape (1, 3, 3).",
    ),
    "matrix input ndim": (
        lambda: kernel_matrix(K, (2, 3, 7, 7)),
        ValueError,
        "kernel_matrix: input_shape must have 2 axes, (C_in, *spatial) without the batch axis for a weight of shape "
        "(3, 3, 2), but has 4: shape (2, 3, 7, 7).",
    ),
    "vector weight": (
        lambda: conv(np.ones(3), np.ones(3)),
        ValueError,
        "conv: weight must have at least 2 axes, two channel axes before the kernel's, but has 1: shape (3,).",
    ),
    "empty axis": (
        lambda: conv2d(np.ones((1, 1, 0, 6)), W, padding=3),
        ValueError,
        "conv2d: input must have at least one element on every spatial axis, but has shape (1, 1, 0, 6).",
    ),
    "empty kernel": (
        lambda: conv_transpose1d(L, np.ones((3, 3, 0))),
        ValueError,
        "conv_transpose1d: weight must have at least one element on every spatial axis, but has shape (3, 3, 0).",
    ),
    "channels": (
        lambda: conv2d(np.ones((1, 1, 3, 3)), np.ones((4, 3, 2, 2))),
        ValueError,
        "conv2d: weight of shape (4, 3, 2, 2) with groups=1 needs 3 input channels (weight.shape[1] * groups), but "
        "input of shape (1, 1, 3, 3) has 1.",
    ),
    "channels of groups": (
        lambda: conv1d(L, np.ones((4, 3, 2)), groups=2),
        ValueError,
        "conv1d: weight of shape (4, 3, 2) with groups=2 needs 6 input channels (weight.shape[1] * groups), but input "
        "of shape (2, 3, 7) has 3.",
    ),
    "transposed channels": (
        lambda: conv_transpose1d(L, np.ones((4, 2, 2))),
        ValueError,
        "conv_transpose1d: weight of shape (4, 2, 2) needs 4 input channels (weight.shape[0]), but input of shape "
        "(2, 3, 7) has 3.",
    ),
    "groups": (
        lambda: conv1d(L, np.ones((4, 1, 2)), groups=3),
        ValueError,
        "conv1d: the number of output channels must be divisible by groups, but weight of shape (4, 1, 2) has 4 "
        "(weight.shape[0]) and groups=3.",
    ),
    "transposed groups": (
        lambda: conv_transpose1d(L, K, groups=2),
        ValueError,
        "conv_transpose1d: the number of input channels must be divisible by groups, but weight of shape (3, 3, 2) has "
        "3 (weight.shape[0]) and groups=2.",
    ),
    "plain or batch": (
        lambda: kernel_matrix(np.ones((2, 2, 2)), (3, 4, 5)),
        ValueError,
        "kernel_matrix: input_shape (3, 4, 5) and weight of shape (2, 2, 2) have 3 axes each, which can be read two "
        "ways. For a plain kernel without channel axes pass channels=False; for an input with a batch axis pass "
        "input_shape=(4, 5).",
    ),
    "not plain": (
        lambda: kernel_matrix(K, (3, 7), channels=False),
        ValueError,
        "kernel_matrix: a plain kernel (channels=False) must have as many axes as the input, but weight has shape "
        "(3, 3, 2) and input_shape is (3, 7).",
    ),
    "plain groups": (
        lambda: kernel_matrix([1, 2], (5,), groups=2),
        ValueError,
        "kernel_matrix: groups must be 1 for a plain kernel, which has no channels, but got 2.",
    ),
    # ---- the size of a transposed call
    "two sizes": (
        lambda: conv_transpose1d(L, K, stride=2, output_padding=1, output_size=15),
        ValueError,
        "conv_transpose1d: output_padding and output_size must not both be given, but got (1,) and (15,).",
    ),
    "same and output_padding": (
        lambda: conv_transpose1d(L, K, stride=2, output_padding=1, padding="same"),
        ValueError,
        "conv_transpose1d: output_padding must be 0 where padding is 'same' or 'same_lower', but got (1,). Choose the "
        "size by output_size.",
    ),
    "output_padding": (
        lambda: conv_transpose2d(X, W, stride=(3, 2), dilation=(1, 2), output_padding=2),
        ValueError,
        "conv_transpose2d: output_padding must be smaller than stride or dilation, but on spatial axis 1 it is 2, "
        "stride 2 and dilation 2.",
    ),
    "output_size": (
        lambda: conv_transpose2d(X, W, stride=(3, 2), output_size=(15, 15)),
        ValueError,
        "conv_transpose2d: output_size must be from 13 to 14 on spatial axis 1, but got 15 (output_size=(15, 15)).",
    ),
    "output_size of same": (
        lambda: conv_transpose1d(L, K, stride=3, padding="same", output_size=18),
        ValueError,
        "conv_transpose1d: output_size must be from 19 to 21 on spatial axis 0, but got 18 (output_size=(18,)).",
    ),
    "nothing left": (
        lambda: conv_transpose2d(X, W, padding=(1, 4)),
        ValueError,
        "conv_transpose2d: the output must have at least one element on every spatial axis, but its size would be "
        "(5, 0).",
    ),
    "forward output_size": (
        lambda: kernel_matrix([1, 2], (5,), output_size=4),
        ValueError,
        "kernel_matrix: output_size must be left out unless transposed=True, but got 4.",
    ),
    "forward output_padding": (
        lambda: kernel_matrix([1, 2], (5,), output_padding=1),
        ValueError,
        "kernel_matrix: output_padding must be left out unless transposed=True, but got 1.",
    ),
    "output sizes forward": (
        lambda: kernel_matrix(np.ones((3, 3)), (4, 4), output_size=np.array([4, 4])),
        ValueError,
        "kernel_matrix: output_size must be left out unless transposed=True, but got array([4, 4]).",
    ),
    "output paddings forward": (
        lambda: kernel_matrix(np.ones((3, 3)), (4, 4), output_padding=np.array([0, 1])),
        ValueError,
        "kernel_matrix: output_padding must be left out unless transposed=True, but got array([0, 1]).",
    ),
    # ---- the operator, gradients, windows
    "kernel_size": (
        lambda: npconvt.unfold(X, ()),
        ValueError,
        "unfold: kernel_size must have one int per spatial axis, at least one, but got ().",
    ),
    "columns of other taps": (
        lambda: npconvt.fold(np.ones((5, 6)), (3, 3), 2),
        ValueError,
        "fold: input must have a multiple of 4 rows, one per channel and tap of kernel_size (2, 2), but has shape "
        "(5, 6).",
    ),
    "columns of other windows": (
        lambda: npconvt.fold(np.ones((8, 6)), (3, 3), 2),
        ValueError,
        "fold: input must have 4 columns, one per window of kernel_size (2, 2) on output_size (3, 3), but has shape "
        "(8, 6).",
    ),
    "grad_output": (
        lambda: npconvt.grad.conv_input((1, 1, 5, 6), W, np.ones((1, 1, 3, 3))),
        ValueError,
        "grad.conv_input: grad_output must have shape (1, 1, 3, 4), that of the result for input of shape (1, 1, 5, 6) "
        "and weight of shape (1, 1, 3, 3), but has shape (1, 1, 3, 3).",
    ),
    "image": (
        lambda: npconvt.ConvOperator(W, (1, 5, 6)).apply(np.ones((1, 6, 5))),
        ValueError,
        "ConvOperator.apply: x must have shape (1, 5, 6), or batch axes before these, but has shape (1, 6, 5).",
    ),
    "vector": (
        lambda: npconvt.ConvOperator(W, (1, 5, 6)).matvec(X[0]),
        ValueError,
        "ConvOperator.matvec: x must have shape (30,) or (30, 1) for an operator of shape (12, 30), but has shape "
        "(1, 5, 6). Use apply for arrays of shape (1, 5, 6) and batches of them.",
    ),
    "image transposed": (
        lambda: npconvt.ConvOperator(W, (1, 5, 6)).apply_transpose(np.ones(12)),
        ValueError,
        "ConvOperator.apply_transpose: y must have shape (1, 3, 4), or batch axes before these, but has shape (12,).",
    ),
    "image for a vector": (
        lambda: npconvt.ConvOperator(W, (1, 5, 6)).H.rmatvec(np.ones((4, 1, 5, 6))),
        ValueError,
        "ConvOperator.rmatvec: x must have shape (30,) or (30, 1) for an operator of shape (30, 12), "
        "but has shape (4, 1, 5, 6). Use H.apply for arrays of shape (1, 5, 6) and batches of them.",
    ),
    "columns": (
        lambda: npconvt.ConvOperator(W, (1, 5, 6)) @ np.ones((12, 2)),
        ValueError,
        "ConvOperator: x must have shape (30,) or (30, K) for an operator of shape (12, 30), but has shape (12, 2).",
    ),
    "rows": (
        lambda: np.ones((2, 30)) @ npconvt.ConvOperator(W, (1, 5, 6)),
        ValueError,
        "ConvOperator: x in x @ operator must have shape (12,) or (K, 12) for an operator of shape (12, 30), "
        "but has shape (2, 30).",
    ),
    "image for a row": (
        lambda: np.ones((1, 3, 4)) @ npconvt.ConvOperator(W, (1, 5, 6)),
        ValueError,
        "ConvOperator: x in x @ operator must have shape (12,) or (K, 12) for an operator of shape (12, 30), "
        "but has shape (1, 3, 4). Use apply_transpose for arrays of shape (1, 3, 4) and batches of them.",
    ),
    "columns of the adjoint": (
        lambda: npconvt.ConvOperator(W, (1, 5, 6)).rmatmat(np.ones((30, 2))),
        ValueError,
        "ConvOperator.rmatmat: X must have shape (12, K) for an operator of shape (12, 30), but has shape (30, 2).",
    ),
    "unfold crops": (
        lambda: npconvt.unfold(X, 2, padding=(0, -1)),
        ValueError,
        "unfold: padding must be at least 0, but got (0, -1).",
    ),
    "stride of a spectrum": (
        lambda: npconvt.singular_values([1.0, 1.0], (5,), stride=2),
        ValueError,
        "singular_values: stride must divide the input's size, but on spatial axis 0 it is 2 and the size 5. Use "
        "scipy.sparse.linalg.svds of a ConvOperator.",
    ),
    "not finite": (
        lambda: npconvt.singular_values([np.nan, 1, np.inf], (4,)),
        ValueError,
        "singular_values: weight must be finite, but 2 of its 3 elements are NaN or inf.",
    ),
    # ---- the rest
    "method": (
        lambda: conv1d(L, K, method="winograd"),
        ValueError,
        "conv1d: method must be one of 'auto', 'matrix', 'gemm' or 'fft', but got 'winograd'.",
    ),
    "no method": (
        lambda: conv1d(L, K, method=None),
        TypeError,
        "conv1d: method must be one of 'auto', 'matrix', 'gemm' or 'fft', but got None.",
    ),
    "padding wider than all windows": (
        lambda: conv1d(np.ones((1, 5)), np.ones((1, 1, 3)), None, 1000, 1000, padding_mode="replicate", method="gemm"),
        ValueError,
        "conv1d: method must be 'auto' or 'matrix' where padding_mode='replicate' is wider than all windows together, "
        "but got 'gemm' with padding ((1000, 1000),).",
    ),
    "fft of integers": (
        lambda: conv1d(np.arange(5)[None], np.ones((1, 1, 2), int), method="fft"),
        ValueError,
        "conv1d: method 'fft' needs a floating or complex result, but got int64. Use method='auto'.",
    ),
    "geometry lengths": (
        lambda: ConvGeometry(1, 1, 1, (5, 5), (4, 4), (2,), (1, 1), ((0, 0),) * 2, (1, 1)),
        ValueError,
        "ConvGeometry: kernel_size must have 2 entries as input_size, but is (2,).",
    ),
    "geometry size": (
        lambda: dataclasses.replace(G, kernel_size=(0, 3)),
        ValueError,
        "ConvGeometry: kernel_size must be at least 1, but got (0, 3).",
    ),
    "geometry stride": (
        lambda: dataclasses.replace(G, stride=(1.0, 1)),
        TypeError,
        "ConvGeometry: stride must be made of ints, but got 1.0 of type float.",
    ),
    "geometry mode": (
        lambda: dataclasses.replace(G, padding_mode="zero"),
        ValueError,
        "ConvGeometry: padding_mode must be one of 'zeros', 'reflect', 'replicate' or 'circular', but got 'zero'.",
    ),
    "geometry channels": (
        lambda: dataclasses.replace(G, in_channels=-1),
        ValueError,
        "ConvGeometry: in_channels must be at least 0, but got -1.",
    ),
    "geometry groups": (
        lambda: dataclasses.replace(G, in_channels=4, groups=2),
        ValueError,
        "ConvGeometry: groups must divide in_channels and out_channels, but got 2, 4 and 1.",
    ),
    "geometry plain": (
        lambda: dataclasses.replace(G, plain=True, in_channels=3),
        ValueError,
        "ConvGeometry: in_channels, out_channels and groups must be 1 where plain=True, but are 3, 1 and 1.",
    ),
    "op": (
        lambda: Case("conv4d", L, K),
        ValueError,
        "Case: op must be one of 'conv1d', 'conv2d', 'conv3d', 'conv', 'conv_transpose1d', 'conv_transpose2d', "
        "'conv_transpose3d' or 'conv_transpose', but got 'conv4d'.",
    ),
    "op kind": (
        lambda: npconvt.error_bound(Case(["conv1d"], L, K), float),
        TypeError,
        "Case: op must be one of 'conv1d', 'conv2d', 'conv3d', 'conv', 'conv_transpose1d', 'conv_transpose2d', "
        "'conv_transpose3d' or 'conv_transpose', but got ['conv1d'].",
    ),
    "op of a probe": (
        lambda: npconvt.probe(conv1d, L.shape, K.shape),
        TypeError,
        "probe: op must be one of 'conv1d', 'conv2d', 'conv3d', 'conv', 'conv_transpose1d', 'conv_transpose2d', "
        f"'conv_transpose3d' or 'conv_transpose', but got {conv1d!r}.",
    ),
    "parameter of a probe": (
        lambda: npconvt.probe("conv1d", L.shape, K.shape, strides=2),
        ValueError,
        "probe: params of conv1d must be among stride, padding, dilation, groups, padding_mode, method, but it has "
        "'strides'.",
    ),
    "one word of two": (
        lambda: npconvt.frameworks.tensorflow.conv2d(X, W, 1, "valid"),
        ValueError,
        "tensorflow.conv2d: padding must be 'SAME' or 'VALID', but got 'valid'.",
    ),
    "words of a framework": (
        lambda: npconvt.frameworks.matlab.conv2(W[0, 0], W[0, 0], W),
        TypeError,
        f"matlab.conv2: shape must be one of 'full', 'same' or 'valid', but got {' '.join(repr(W).split())}.",
    ),
    "params": (
        lambda: Case("conv1d", L, K, params={"strides": 2}),
        ValueError,
        "Case: params of conv1d must be among stride, padding, dilation, groups, padding_mode, method, but it has "
        "'strides'.",
    ),
    "params kind": (
        lambda: Case("conv1d", L, K, params=[("stride", 2)]),
        TypeError,
        "Case: params must be a mapping of names to values, but got a list.",
    ),
    "crop before circular": (
        lambda: conv1d(L, K, padding=((-8, 9),), padding_mode="circular"),
        ValueError,
        "conv1d: negative padding must leave at least one element, but on spatial axis 0 of size 7 got (-8, 9).",
    ),
    "geometry outputs": (
        lambda: ConvGeometry(1, 1, 1, (5,), (5,), (2,), (1,), ((0, 0),), (1,)),
        ValueError,
        "ConvGeometry: output_size must be at most 4 on spatial axis 0, but is 5.",
    ),
}


def refusal(name: str) -> Exception:
    call, kind, _ = CASES[name]
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    return caught.value


@pytest.mark.parametrize("name", CASES)
def test_messages_and_their_numbers(name):
    message = str(refusal(name))
    assert message == CASES[name][2]
    assert re.fullmatch(r"[\w.]+: .+\.", message)


def test_a_matrix_that_does_not_fit_names_its_numbers():
    """10**12 entries of 4 bytes, their columns and 10**9 + 1 row pointers of 8."""
    with pytest.raises(MemoryError) as refused:
        kernel_matrix(np.ones(1000, np.float32), (10**9 + 999,))
    assert re.fullmatch(
        r"kernel_matrix: the kernel matrix must fit into memory, but its 1000000000000 entries take 12008000000008 "
        r"bytes \(10\.9 TiB\) and [\d.]+ [KMGT]iB are available\. Use conv or conv_transpose .+\.",
        str(refused.value),
    )


@pytest.mark.parametrize("method", ["auto", "matrix"])
def test_a_result_that_does_not_fit_names_its_numbers(method):
    with pytest.raises(MemoryError) as refused:
        conv_transpose1d(L, K, stride=2**40, method=method)
    assert re.fullmatch(
        r"conv_transpose1d: the result must fit into memory, but its shape \(2, 3, 6597069766658\) takes "
        r"316659348799584 bytes \(288\.0 TiB\) and [\d.]+ [KMGT]iB are available\.",
        str(refused.value),
    )
    with pytest.raises(
        MemoryError, match=r"^conv_transpose2d: the result must fit.*\(0, 1, 4398046511107, 549755813888\)"
    ):
        conv_transpose2d(np.ones((0, 1, 5, 6)), W, stride=(2**40, 2**40 // 10), method=method)
    with pytest.raises(
        MemoryError, match=r"^kernel_matrix: .* at most 9223372036854775807 rows .* 3 x 18446744073709551617\.$"
    ):
        kernel_matrix([1], (2**64 + 1,), stride=2**63 - 1)


def test_what_numpy_cannot_read_is_named_with_its_reason():
    with pytest.raises(TypeError, match=r"^conv1d: weight must be convertible by numpy\.asarray, .*inhomogeneous"):
        conv1d(L, [[[1, 2], [3]]])


def test_tensors_that_numpy_cannot_hold_name_the_remedy(torch):
    x = torch.ones(1, 1, 4)
    with pytest.raises(TypeError, match=r"^conv1d: weight must be convertible.*requires grad.*\. Pass weight\.detach"):
        conv1d(x, torch.ones(1, 1, 2, requires_grad=True))
    with pytest.raises(TypeError, match=r"^conv1d: input must .*BFloat16\. Convert input to float32: NumPy has no bf"):
        conv1d(x.bfloat16(), torch.ones(1, 1, 2))


PACKAGE = Path(npconvt.__file__).parent
REFUSING = ("_arguments.py", "_geometry.py", "functional.py")


def test_no_message_of_the_core_is_without_its_case():
    """Each `raise` of these files is where the traceback of some case ends."""
    refusals = [refusal(name) for name in CASES]
    with pytest.raises(TypeError) as unreadable:
        conv1d(L, [[[1, 2], [3]]])
    ends = [traceback.extract_tb(error.__traceback__)[-1] for error in (*refusals, unreadable.value)]
    reached = {(Path(end.filename).name, end.lineno) for end in ends}
    written = {
        (name, node.lineno)
        for name in REFUSING
        for node in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise)
    }
    assert written - reached == set()


def test_errors_come_before_work():
    """Nothing is computed, and the arrays are not touched, where an argument is wrong."""
    x = np.broadcast_to(np.float64(1), (1, 1, 10**15))
    with pytest.raises(ValueError, match="groups must be at least 1"):
        conv1d(x, K[:1, :1], groups=0)
    with pytest.raises(ValueError, match="bias must have shape"):
        conv1d(x, K[:1, :1], np.ones(2))
    with pytest.raises(ValueError, match="method must be one of"):
        conv1d(x, K[:1, :1], method="fast")
