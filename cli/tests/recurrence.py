"""Compares the states of `forebay run` with the recurrence of a leaky echo state network written in numpy.

    x(t) = (1 - a) x(t-1) + a tanh(Win u(t) + W x(t-1) + b)

Random weights are handed over as .npz, 1,000 steps of a drive under which the network forgets its past as .npy. numpy
computes in double precision; states must agree within 1e-12 in f64 and 1e-5 in f32, outputs in proportion to the
weights of the readout. The binary is the one named by FOREBAY_BIN, or is built by cargo.

Needs numpy. Prints the largest differences; ends with status 1 if one is too large.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

STEPS = 1_000
TOLERANCE = {"f64": 1e-12, "f32": 1e-5}
ROOT = pathlib.Path(__file__).resolve().parents[2]

# units, inputs, outputs, spectral radius, leak rate (None: one per unit), share of weights that are not zero
CASES = [
    (1, 1, 1, 0.5, 1.0, 1.0),
    (50, 1, 2, 0.9, 0.3, 1.0),
    (200, 3, 1, 0.95, 1.0, 0.1),
    (333, 2, 3, 0.8, None, 0.05),
]


def binary():
    """The program to test."""
    if "FOREBAY_BIN" in os.environ:
        return pathlib.Path(os.environ["FOREBAY_BIN"]).resolve()
    # With an example beside it, dependencies have the features that they have in tests and need no second build.
    build = ["cargo", "build", "--quiet", "--workspace", "--bin", "forebay", "--example", "least_squares"]
    build += ["--message-format", "json"]
    lines = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    artifacts = [message for message in map(json.loads, lines) if message["reason"] == "compiler-artifact"]
    built = [message["executable"] for message in artifacts if message["target"]["kind"] == ["bin"]]
    return pathlib.Path(next(path for path in reversed(built) if path))


def draw(case, rng):
    """Weights of one case."""
    units, inputs, outputs, radius, leak, density = case
    w = rng.uniform(-1, 1, (units, units)) * (rng.uniform(size=(units, units)) < density)
    largest = np.abs(np.linalg.eigvals(w)).max()
    return {
        "W": w * (radius / largest) if largest > 0 else w,
        "Win": rng.uniform(-0.5, 0.5, (units, inputs)),
        "bias": rng.uniform(-0.2, 0.2, units),
        "lr": np.array(leak) if leak else rng.uniform(0.1, 1, units),
        "Wout": rng.normal(size=(outputs, 1 + inputs + units)),
    }


def recurrence(weights, drive):
    """States and outputs in double precision."""
    x = np.zeros(len(weights["W"]))
    states, outputs = [], []
    for u in drive:
        new = np.tanh(weights["Win"] @ u + weights["W"] @ x + weights["bias"])
        x = (1 - weights["lr"]) * x + weights["lr"] * new
        states.append(x)
        outputs.append(weights["Wout"] @ np.concatenate([[1.0], u, x]))
    return np.array(states), np.array(outputs)


def compare(program, case, precision, folder, rng):
    """Largest differences of states and of outputs, the latter relative to the readout's weights."""
    weights = draw(case, rng)
    inputs = weights["Win"].shape[1]
    t = np.arange(STEPS)[:, None]
    drive = np.sin(t * rng.uniform(0.05, 0.5, inputs)) + rng.uniform(-0.3, 0.3, (STEPS, inputs))
    if precision == "f32":
        # Rounding of what is handed over is not what is measured.
        weights = {name: array.astype(np.float32).astype(float) for name, array in weights.items()}
        drive = drive.astype(np.float32).astype(float)
    np.savez(folder / "weights.npz", **{f"my_{name}": array for name, array in weights.items()})
    np.save(folder / "drive.npy", drive)
    arguments = ["run", "weights.npz", "--input", "drive.npy", "--states", "x.npy", "--output", "y.npy"]
    arguments += ["--precision", precision, "--readout-on", "bias-input-state"]
    for option, name in (("w", "W"), ("w-in", "Win"), ("w-out", "Wout"), ("bias", "bias"), ("lr", "lr")):
        arguments += [f"--{option}", f"my_{name}"]
    subprocess.run([program, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    states, outputs = recurrence(weights, drive)
    x, y = np.load(folder / "x.npy"), np.load(folder / "y.npy")
    for found, expected in ((x, states), (y, outputs)):
        assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
        assert found.dtype == np.dtype("<" + precision.replace("64", "8").replace("32", "4")), found.dtype
    scale = np.abs(weights["Wout"]).sum(axis=1).max()
    return np.abs(x - states).max(), np.abs(y - outputs).max() / scale


def main():
    program = binary()
    failed = False
    rng = np.random.default_rng(20240229)
    for case in CASES:
        for precision, tolerance in TOLERANCE.items():
            with tempfile.TemporaryDirectory() as folder:
                state, output = compare(program, case, precision, pathlib.Path(folder), rng)
            good = state <= tolerance and output <= tolerance
            failed |= not good
            print(
                f"{case[0]:4} units {precision}: states within {state:.1e}, outputs within {output:.1e} "
                f"(allowed {tolerance:.0e}) {'ok' if good else 'FAILED'}"
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
