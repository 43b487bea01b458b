"""Compares ridge regression and least squares of the library with numpy's singular value decomposition.

    w = (Xc' Xc + ridge I)^-1 Xc' yc,   b = mean(y) - mean(x) w,   Xc, yc without their means

200 random problems with condition numbers from 1 to 1e14, half of them with ridge 0 (numpy.linalg.lstsq). The library solves
the normal equations, so a rounding of the Gram matrix, EPSILON times the square of the largest singular value s, may move the
forecasts by

    ALLOWED * EPSILON * (s^2 |w| + s |y|) * max over directions of s_k / (s_k^2 + ridge)

and directions whose squares the Gram matrix cannot tell from zero may be missing altogether. The problems are handed over by
`runtime/examples/least_squares.rs`, which is named by FOREBAY_LEAST_SQUARES or built by cargo.

Needs numpy. Prints the worst problem of each decade of condition; ends with status 1 if one is too far off.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

PROBLEMS = 200
EPSILON = np.finfo(float).eps
ALLOWED = 30
ROOT = pathlib.Path(__file__).resolve().parents[2]


def command():
    """The program that solves a folder of problems."""
    if "FOREBAY_LEAST_SQUARES" in os.environ:
        return [str(pathlib.Path(os.environ["FOREBAY_LEAST_SQUARES"]).resolve())]
    # Built with the whole workspace, as the tests are: alone it would compile its dependencies anew, with other features.
    build = ["cargo", "build", "--quiet", "--workspace", "--example", "least_squares", "--message-format", "json"]
    lines = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    built = [message.get("executable") for message in map(json.loads, lines) if message["reason"] == "compiler-artifact"]
    return [next(path for path in reversed(built) if path)]


def draw(rng, problem):
    """Features, targets and penalty with a known condition number of the centred features."""
    features = int(rng.integers(1, 40))
    rows, outputs = features + 1 + int(rng.integers(1, 200)), int(rng.integers(1, 4))
    condition = 10.0 ** (14 * problem / (PROBLEMS - 1))
    left = rng.normal(size=(rows, features))
    left, _ = np.linalg.qr(left - left.mean(axis=0))
    right, _ = np.linalg.qr(rng.normal(size=(features, features)))
    values = np.logspace(0, -np.log10(condition), features) * 10.0 ** rng.uniform(-3, 3) * np.sqrt(rows)
    centred = left * values @ right.T
    x = centred + rng.normal(size=features) * np.abs(centred).max()
    y = x @ rng.normal(size=(features, outputs)) + rng.normal(size=(rows, outputs)) * values[0] / np.sqrt(rows)
    # At least so large that single directions do not decide; below that, zero.
    ridge = 0.0 if problem % 2 else values[0] ** 2 * 10.0 ** rng.uniform(-12, 0)
    return x, y, ridge, condition


def judge(x, y, ridge):
    """Forecasts of numpy, and how far those from a Gram matrix may be off, per output."""
    centred, targets = x - x.mean(axis=0), y - y.mean(axis=0)
    left, values, right = np.linalg.svd(centred, full_matrices=False)
    known = values > np.sqrt(10 * EPSILON * len(values)) * values[0]
    along = left.T @ targets
    if ridge > 0:
        weights = right.T @ ((values / (values**2 + ridge))[:, None] * along)
        gain = (values / (values**2 + ridge)).max()
        missing = np.zeros(targets.shape[1])
    else:
        weights = np.linalg.lstsq(centred, targets, rcond=None)[0]
        gain = 1 / max(values[-1], np.sqrt(EPSILON * len(values)) * values[0])
        missing = np.linalg.norm(along[~known], axis=0)
        weights_norm = right[known].T @ (along[known] / values[known, None])
    size = np.linalg.norm(weights if ridge > 0 else weights_norm, axis=0)
    rounding = EPSILON * (values[0] ** 2 * size + values[0] * np.linalg.norm(targets, axis=0)) * gain
    # Means that are large beside the spread cost digits too.
    rounding += EPSILON * np.sqrt(len(x)) * (np.abs(x).max(axis=0) @ np.abs(weights) + np.abs(y).max(axis=0))
    return centred @ weights + y.mean(axis=0), ALLOWED * rounding + missing


def main():
    rng = np.random.default_rng(20240229)
    problems = [draw(rng, problem) for problem in range(PROBLEMS)]
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for i, (x, y, ridge, _) in enumerate(problems):
            np.save(folder / f"x{i}.npy", np.ascontiguousarray(x))
            np.save(folder / f"y{i}.npy", np.ascontiguousarray(y))
            np.save(folder / f"ridge{i}.npy", np.array([ridge]))
        subprocess.run([*command(), name], cwd=ROOT, check=True)
        worst = {}
        for i, (x, y, ridge, condition) in enumerate(problems):
            expected, allowed = judge(x, y, ridge)
            for solver in ("direct", "grid"):
                found = np.load(folder / f"{solver}{i}.npy")
                assert found.shape == (x.shape[1] + 1, y.shape[1]), f"shape {found.shape}"
                off = np.linalg.norm(x @ found[1:] + found[0] - expected, axis=0)
                share = np.max(np.where(np.isfinite(off), off / allowed, np.inf))
                key = (solver, "ridge" if ridge > 0 else "least squares", int(np.log10(condition)))
                relative = np.max(off / np.linalg.norm(y - y.mean(axis=0), axis=0))
                worst[key] = max(worst.get(key, (0, 0)), (share, relative))
    for (solver, kind, decade), (share, relative) in sorted(worst.items()):
        good = share <= 1
        failed |= not good
        print(
            f"{solver:11} {kind:13} condition 1e{decade:<2}: forecasts within {relative:.1e} of the target's spread, "
            f"{share:.2g} of what is allowed {'ok' if good else 'FAILED'}"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
