"""Medians of ReservoirPy and Forebay side by side; run by compare.sh."""

import json
import statistics
import subprocess
import sys
import time

import numpy as np
from reservoirpy.nodes import Reservoir, Ridge

SIZES = [100, 200, 500, 1000, 2000]
TRAINED = [200, 500, 1000, 2000]
STEPS = 10_000


def online(units):
    """Median microseconds of one call, reservoir and readout."""
    reservoir = Reservoir(units, sr=0.9, lr=0.5, rc_connectivity=0.1, seed=1)
    model = reservoir >> Ridge(ridge=1e-6)
    rng = np.random.default_rng(1)
    u, y = rng.uniform(-1, 1, (300, 3)), rng.uniform(-1, 1, (300, 1))
    model.fit(u, y, warmup=10)
    calls = 300
    times = []
    for _ in range(9):
        start = time.perf_counter()
        for t in range(calls):
            model.step(u[t]) if hasattr(model, "step") else model(u[t])
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times) * 1e6


def training(units):
    """Median processor seconds of a fit on 10,000 steps."""
    rng = np.random.default_rng(1)
    u, y = rng.uniform(-1, 1, (STEPS, 3)), rng.uniform(-1, 1, (STEPS, 1))
    times = []
    for _ in range(3):
        model = Reservoir(units, sr=0.9, lr=0.5, rc_connectivity=0.1, seed=1) >> Ridge(ridge=1e-6)
        model.fit(u[:200], y[:200], warmup=10)  # draws the weights
        start = time.process_time()
        model.fit(u, y, warmup=100)
        times.append(time.process_time() - start)
    return statistics.median(times)


def forebay(what):
    out = subprocess.run(["target/release/forebay", "bench", what, "--json"], check=True, capture_output=True)
    return json.loads(out.stdout)


def main():
    theirs_step = {n: online(n) for n in SIZES}
    theirs_train = {n: training(n) for n in TRAINED}
    step, train = forebay("step"), forebay("train")
    ours_step = {}
    for figure in step["steps"]:
        if figure["precision"] == "f64" and figure["density"] == 0.1 and figure["units"] in SIZES:
            ours_step[figure["units"]] = figure["step_us"]
    ours_train = {figure["features"]: figure["training_s"] for figure in train["training"]}
    rows = [("step, us", n, theirs_step[n], ours_step[n]) for n in SIZES]
    rows += [("training, s", n, theirs_train[n], ours_train[n]) for n in TRAINED]
    if "--json" in sys.argv:
        keys = ["what", "units", "reservoirpy", "forebay"]
        print(json.dumps({"machine": step["machine"], "rows": [dict(zip(keys, row)) for row in rows]}, indent=1))
        return
    print(f"{step['machine']['processor']}, one thread, f64, 10 % density; medians")
    print(f"{'':12} {'units':>6} {'ReservoirPy':>12} {'Forebay':>10} {'ratio':>7}")
    for what, n, theirs, ours in rows:
        print(f"{what:12} {n:6} {theirs:12.3f} {ours:10.3f} {theirs / ours:6.1f}x")


main()
