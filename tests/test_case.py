"""The case: checked when made, the same after a round trip, and no way to read a bad file as a good one."""

import copy
import dataclasses
import json
import os
import pickle
import threading
import zipfile

import numpy as np
import pytest

from npconvt import Case, conv2d
from npconvt._case import read_array, write_whole

X = np.arange(24).reshape(1, 2, 3, 4)
W = np.arange(8).reshape(2, 1, 2, 2)


def full_case(**changes):
    fields = {
        "op": "conv2d",
        "input": X,
        "weight": W,
        "bias": [5, -5],
        "params": {"stride": [2, np.int64(1)], "padding": [1, [0, 2]], "groups": 2},
        "output": [[np.nan, np.inf, 1 + 2j]],
    }
    return Case(**{**fields, **changes})


def savez(path, **keys):
    np.savez(path, **{"op": "conv2d", "input": X, "weight": W, "params": '{"groups": 2}', **keys})
    return path


# --- what a case holds -----------------------------------------------------------------------------------------------


def test_expected_is_the_call():
    want = conv2d(X, W, [5, -5], (2, 1), (1, (0, 2)), 1, 2)
    np.testing.assert_array_equal(full_case().expected(), want, strict=True)
    np.testing.assert_array_equal(full_case().expected(method="matrix"), want, strict=True)
    transposed = Case("conv_transpose1d", [[1, 2]], [[[1, 10]]], params={"stride": 2, "output_padding": 1})
    np.testing.assert_array_equal(transposed.expected(), [[1, 10, 2, 20, 0]])
    assert transposed.geometry.input_shape == (1, 5)


def test_nothing_mutates():
    x, params = X.copy(), {"stride": [1, 1], "groups": 2}
    case = Case("conv2d", x, W, params=params)
    x[:] = -1
    params["stride"].append(9)
    np.testing.assert_array_equal(case.input, X)
    assert dict(case.params) == {"stride": (1, 1), "groups": 2}
    with pytest.raises(dataclasses.FrozenInstanceError):
        case.op = "conv1d"
    with pytest.raises(ValueError, match="read-only"):
        case.weight[0] = 1
    with pytest.raises(TypeError):
        case.params["stride"] = 2


@pytest.mark.parametrize(
    "changes",
    [
        {"op": "conv"},
        {"input": X[:, :, ::-1]},
        {"input": X.astype(np.float64)},
        {"weight": W + 1},
        {"bias": None},
        {"params": {"groups": 2}},
        {"output": None},
        {"output": [[np.nan, np.nan, 1 + 2j]]},
    ],
)
def test_equal_where_every_field_is(changes):
    assert full_case() == full_case()
    assert full_case() != full_case(**changes)
    assert dataclasses.replace(full_case(), **changes) == full_case(**changes)


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda case: pickle.loads(pickle.dumps(case))])
def test_copies_are_equal_and_frozen(clone):
    again = clone(full_case())
    assert again == full_case()
    assert not again.input.flags.writeable


def test_prints_as_aligned_table():
    assert str(full_case()).splitlines() == [
        "op       conv2d",
        "input    (1, 2, 3, 4)  int64",
        "weight   (2, 1, 2, 2)  int64",
        "bias     (2,)          int64",
        "stride   (2, 1)",
        "padding  (1, (0, 2))",
        "groups   2",
        "output   (1, 3)        complex128",
    ]
    assert repr(full_case(bias=None)).startswith("<Case conv2d: input=(1, 2, 3, 4) int64, ")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"op": "conv4d"}, ValueError, "Case: op must be one of 'conv1d', .*, but got 'conv4d'"),
        ({"op": 2}, TypeError, "Case: op must be one of 'conv1d', .*, but got 2"),
        ({"op": "conv1d"}, ValueError, r"conv1d: weight must have 3 axes, .* but has 4: shape \(2, 1, 2, 2\)"),
        ({"input": X[0, 0]}, ValueError, r"conv2d: input must have 3 or 4 axes, .* but has 2: shape \(3, 4\)"),
        ({"params": {}}, ValueError, r"conv2d: weight of shape \(2, 1, 2, 2\) with groups=1 needs 1 input channels"),
        ({"params": {"strides": 2}}, ValueError, "Case: params of conv2d must be among stride, .* it has 'strides'"),
        ({"params": {"output_size": 1}}, ValueError, "Case: params of conv2d must be among .* it has 'output_size'"),
        ({"params": {"stride": 0, "groups": 2}}, ValueError, "conv2d: stride must be at least 1, but got 0"),
        ({"params": {"stride": True, "groups": 2}}, TypeError, "conv2d: stride must be made of ints, but got True"),
        ({"params": {"stride": 2.0, "groups": 2}}, TypeError, "conv2d: stride must be made of ints, but got 2.0"),
        ({"params": {"method": "guess", "groups": 2}}, ValueError, "conv2d: method must be one of .* got 'guess'"),
        ({"params": [("stride", 2)]}, TypeError, "Case: params must be a mapping of names to values, but got a list"),
        ({"bias": [1, 2, 3]}, ValueError, r"conv2d: bias must have shape \(2,\), .* but has shape \(3,\)"),
        ({"input": X.astype(object)}, TypeError, "Case: input must hold numbers, but its dtype is object"),
        ({"output": ["a"]}, TypeError, "Case: output must hold numbers, but its dtype is <U1"),
    ],
)
def test_checked_when_made(changes, error, message):
    with pytest.raises(error, match=message):
        full_case(**changes)


# --- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"bias": None, "output": None}, {"output": np.zeros(0, np.float16)}])
def test_round_trip(tmp_path, changes):
    case = full_case(**changes)
    case.save(tmp_path / "any name")
    assert os.listdir(tmp_path) == ["any name"]
    assert Case.load(tmp_path / "any name") == case
    with np.load(tmp_path / "any name", allow_pickle=False) as archive:
        assert archive["format"] == 1
        assert json.loads(str(archive["params"])) == {"stride": [2, 1], "padding": [1, [0, 2]], "groups": 2}


def test_read_without_optional_keys(tmp_path):
    np.savez(tmp_path / "least.npz", op="conv2d", input=X[:, :1], weight=W)
    assert Case.load(tmp_path / "least.npz") == Case("conv2d", X[:, :1], W)


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"strides": 2}, ValueError, "must hold op, input and weight, .*, but it holds .*, strides"),
        ({"format": 2}, ValueError, "format of .* must be 1, but it is 2"),
        ({"format": "1"}, ValueError, "format of .* must be 1, but it is '1'"),
        ({"format": [1, 1]}, ValueError, r"format of .* must be 1, but it is an array of shape \(2,\)"),
        ({"op": 3}, TypeError, r"op of .* must be one text, but is \(\) int64"),
        ({"op": ["conv2d"]}, TypeError, r"op of .* must be one text, but is \(1,\) <U6"),
        ({"params": "{stride: 2}"}, ValueError, "params of .* must be JSON text, but reading it failed"),
        ({"params": "[" * 100_000}, ValueError, "params of .* must be JSON text, but reading it failed"),
        ({"params": "[2]"}, TypeError, r"params of .* must be a JSON object, but is \[2\]"),
        ({"params": '{"stride": [[2]]}'}, TypeError, "conv2d: stride must be made of ints"),
        ({"input": np.array([None])}, ValueError, "must hold plain numbers and text, but holds a pickled object"),
        ({"input": "abc"}, TypeError, "Case: input must hold numbers, but its dtype is <U3"),
    ],
)
def test_refuses_contents(tmp_path, keys, error, message):
    path = savez(tmp_path / "case.npz", **keys)
    with pytest.raises(error, match=message):
        Case.load(path)


def test_refuses_missing_keys_and_files(tmp_path):
    np.savez(tmp_path / "x.npz", input=X)
    with pytest.raises(ValueError, match=r"x\.npz must hold op, input and weight, .*, but it holds input\."):
        Case.load(tmp_path / "x.npz")
    with pytest.raises(FileNotFoundError):
        Case.load(tmp_path / "absent.npz")


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickles_are_never_run(tmp_path):
    canary = tmp_path / "canary"
    (tmp_path / "bare").write_bytes(pickle.dumps(Canary(canary)))
    np.save(tmp_path / "array.npy", np.array([Canary(canary)]))
    savez(tmp_path / "inside.npz", bias=np.array([Canary(canary)]))
    for name in ("bare", "array.npy", "inside.npz"):
        for read in (Case.load, read_array):
            with pytest.raises(ValueError, match=f"{name} must "):
                read(tmp_path / name)
    assert not canary.exists()


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "cut.npz"
    full_case().save(path)
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"cut\.npz must be an? "):
            Case.load(path)


def load_or_sentence(path):
    try:
        return Case.load(path)
    except (ValueError, TypeError) as error:
        return str(error)


def test_no_altered_byte_crashes(tmp_path):
    path = tmp_path / "altered.npz"
    full_case().save(path)
    content = path.read_bytes()
    refused = 0
    for at in range(0, len(content), 3):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        got = load_or_sentence(path)
        if isinstance(got, Case):
            # The byte may be one that zip ignores, such as a date, or may end its table of contents early.
            assert got == full_case(bias=got.bias, params=got.params, output=got.output)
        else:
            assert " must " in got
            refused += 1
    assert refused > len(content) / 6


def test_reads_from_a_pipe(tmp_path):
    full_case().save(tmp_path / "case.npz")
    content = (tmp_path / "case.npz").read_bytes()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,), daemon=True)
    writer.start()
    assert Case.load(tmp_path / "pipe") == full_case()
    writer.join(10)


def test_size_that_the_file_only_claims(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(4))
    content = (tmp_path / "x.npy").read_bytes()
    claimed = content.replace(b"(4,), }" + b" " * 14, b"(999999999999999,), }")
    assert len(claimed) == len(content)
    (tmp_path / "x.npy").write_bytes(claimed)
    with pytest.raises(MemoryError, match=r"read_array: .*x\.npy must fit into memory, but .* \(999999999999999,\)"):
        read_array(tmp_path / "x.npy")


def test_member_that_is_no_array(tmp_path):
    path = savez(tmp_path / "case.npz")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("output", b"not an array")
    with pytest.raises(TypeError, match="Case: output must hold numbers"):
        Case.load(path)


# --- written whole or not at all -------------------------------------------------------------------------------------


def test_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "y.npy"
    path.write_bytes(b"old")

    def half(file):
        file.write(b"new, but not a")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_whole(path, half)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["y.npy"]


def test_write_replaces_in_one_step(tmp_path):
    path = tmp_path / "y.npy"
    path.write_bytes(b"old")
    seen = []

    def write(file):
        file.write(b"new")
        file.flush()
        seen.append(path.read_bytes())

    write_whole(path, write)
    assert (seen, path.read_bytes()) == ([b"old"], b"new")


def test_write_through_link_and_to_directory(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", lambda file: file.write(b"new"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, lambda file: file.write(b"new"))


def test_write_into_a_pipe_keeps_the_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_whole(pipe, lambda file: np.save(file, X))
    reader.join(10)
    assert pipe.is_fifo()
    assert len(got[0]) == 128 + X.nbytes
