"""`npconvt probe` and `npconvt check`: exit codes, and what they print."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

import npconvt
from npconvt import Case, _demo
from npconvt.cli import main

PROBE = "probe conv_transpose2d --input 1,2,5,6 --weight 2,3,3,3 --stride 2 --padding 1 --bias -o case.npz"


@pytest.fixture
def case(tmp_path, monkeypatch, capsys):
    """A probe in the current folder, with a right and a wrong result beside it."""
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(PROBE)) == 0
    out = capsys.readouterr().out
    assert "padding_of_dilated_input leaves the result as it is: use weight_shape=(2, 3, 4, 4)." in out
    made = Case.load("case.npz")
    np.save("right.npy", made.expected())
    np.save("wrong.npy", npconvt.conv_transpose2d(made.input, made.weight, **made.params))
    return made


def test_check_exits_with_0_or_1_or_2(case, capsys):
    assert main(["check", "case.npz", "right.npy"]) == 0
    assert capsys.readouterr().out.startswith("verdict        exact\n")
    assert main(["check", "case.npz", "wrong.npy"]) == 1
    out = capsys.readouterr().out
    assert "cause          bias_missing" in out
    assert main(["check", "case.npz"]) == 2
    assert "actual must be given where the case holds no output" in capsys.readouterr().err
    assert main(["check", "case.npz", "absent.npy"]) == 2
    Case(case.op, case.input, case.weight, case.bias, case.params, np.load("wrong.npy")).save("recorded.npz")
    assert main(["check", "recorded.npz"]) == 1


def test_check_prints_json_and_draws(case, capsys):
    assert main(["check", "case.npz", "wrong.npy", "--json", "--plot", "err.png"]) == 1
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert (report["ok"], [cause["name"] for cause in report["causes"]]) == (False, ["bias_missing"])
    assert err == "wrote err.png\n"
    assert Path("err.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [("--kind other", "kind must be one of 'convention', 'precision', 'overflow' or 'conjugate', but got 'other'"),
     ("--dtype text", "probe: dtype must be a type of numbers, but got 'text'")],
)  # fmt: skip
def test_probe_refuses_in_a_sentence(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(f"{PROBE} {options}")) == 2
    assert message in capsys.readouterr().err
    assert not Path("case.npz").exists()


def test_the_demo_ends_with_a_mistake_explained():
    text = _demo.planted_mistake()
    assert "cause          crop_shifted" in text
    assert "crop = ((0, 1), (0, 1))" in text
