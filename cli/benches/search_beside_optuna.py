"""Compares `forebay search` with optuna's TPESampler that drives ReservoirPy, and with two more searches that tell why.

Three tasks: monthly sunspot numbers 1 step ahead, the Mackey-Glass equation 30 steps ahead, x of the Lorenz equations 5
steps ahead. On each, searches of 100 trials with the seeds 1 to 5 (`--search-seeds`):

- forebay, tpe:          `forebay search FILE.csv`
- forebay, random:       the same with `--sampler random`
- optuna on forebay:     TPESampler whose objective is one trial of `forebay search` with all values fixed, so that nothing
                         but the sampler differs from the first
- optuna on reservoirpy: TPESampler whose objective is the same network, built and trained with ReservoirPy

All four see the same rows, ranges and protocol: series standardised by the training rows; 100 tanh units, density 0.1,
uniform weights and bias; a readout with intercept on input and states, fitted to the change y(t + horizon) - y(t) after 50
rows of washout; direct forecasts. Both libraries add the ridge to the centred Gram matrix as it is, so it means the same.
A trial's score is the mean validation NRMSE of 3 reservoirs, seeds 0 to 2 in every trial; the two libraries draw different
weights for a seed.

The best validation score of a search flatters it: it is the least of 100, on reservoirs that the search has seen. So every
winner's settings are also fitted to training and validation rows, and scored on the test rows, with 10 reservoirs that no
search has seen: once all of them in Forebay, once all of them in ReservoirPy. Validation scores of "optuna on forebay" are
of the very function that forebay searches; those of "optuna on reservoirpy" are of 3 other reservoirs, and that alone can
make a difference of more than 2 percent.

    cargo build --release
    python3 -m pip install optuna reservoirpy numpy
    python3 cli/benches/search_beside_optuna.py --forebay target/release/forebay

It uses one thread and takes ten minutes. It prints medians [least..largest] over the search seeds, and ends with status 0
if on every task the medians of `forebay, tpe` are at most 1.02 times those of `optuna on reservoirpy`: of the validation
scores, and of the test scores in both libraries. Else the status is 1, and it says which are not; it is 77 if a package is
missing. `--json FILE` keeps every number.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})
try:
    import numpy as np
    import optuna
    import reservoirpy
    from reservoirpy import mat_gen
    from reservoirpy.nodes import Reservoir, Ridge
except ImportError as error:
    print(f"NOT RUN: {error}")
    sys.exit(77)

# Lowest and highest value, and whether every order of magnitude is alike.
RANGES = {
    "spectral_radius": (0.1, 1.5, False),
    "leak_rate": (0.1, 1.0, False),
    "input_scaling": (0.05, 2.0, True),
    "ridge": (1e-9, 1e-1, True),
}
UNITS, DENSITY, BIAS, WASHOUT = 100, 0.1, 0.1, 50
# Reservoirs of every trial, and those that only the test sees; what a median may be above the other.
SEEN, FRESH, SLACK = 3, 10, 1.02
OURS, THEIRS = "forebay, tpe", "optuna on reservoirpy"


def runge_kutta(slope, state, step):
    a = slope(state)
    b = slope(state + step / 2 * a)
    c = slope(state + step / 2 * b)
    d = slope(state + step * c)
    return state + step / 6 * (a + 2 * b + 2 * c + d)


def lorenz(steps):
    """x at steps of 0.05, by Runge-Kutta steps of 0.01; sigma 10, rho 28, beta 8/3; 50 units of time are dropped."""

    def slope(state):
        x, y, z = state
        return np.array([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    state, series = np.array([1.0, 1.0, 20.0]), []
    for count in range(5 * (1000 + steps)):
        state = runge_kutta(slope, state, 0.01)
        if count >= 5000 and count % 5 == 4:
            series.append(state[0])
    return np.array(series)


def mackey_glass(steps):
    """x at steps of 1 for x' = 0.2 x(t - 17) / (1 + x(t - 17)^10) - 0.1 x, from a constant history of 1.2, the first 1000
    dropped; Runge-Kutta steps of 0.1 with the delayed value taken on the line between the stored ones."""
    delay, per_step = 170, 10
    x = [1.2] * (delay + 1)

    def growth(past):
        return 0.2 * past / (1 + past**10)

    for _ in range((1000 + steps) * per_step):
        start, end = x[-1 - delay], x[-delay]
        now, inputs = x[-1], [growth(start), growth((start + end) / 2), growth(end)]
        a = inputs[0] - 0.1 * now
        b = inputs[1] - 0.1 * (now + 0.05 * a)
        c = inputs[1] - 0.1 * (now + 0.05 * b)
        d = inputs[2] - 0.1 * (now + 0.1 * c)
        x.append(now + 0.1 / 6 * (a + 2 * b + 2 * c + d))
    return np.array(x[delay + 1 + 1000 * per_step :: per_step])


class Task:
    """A series in a file, and what is searched on it."""

    def __init__(self, name, path, horizon, forebay):
        self.name, self.path, self.horizon, self.forebay = name, path, horizon, forebay
        series = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)[:, -1:]
        self.train, self.known = int(0.6 * len(series)), int(0.8 * len(series))
        self.split = (self.train, self.known - self.train, len(series) - self.known)
        past = series[: self.train]
        self.scaled = (series - past.mean(axis=0)) / past.std(axis=0)

    def call(self, command, *options):
        """What a command of Forebay says of the series."""
        split = ",".join(map(str, self.split))
        line = [self.forebay, command, self.path, "--split", split, "--horizon", self.horizon, "--threads", 1, "--json"]
        out = subprocess.run([str(part) for part in (*line, *options)], stdout=subprocess.PIPE, check=True)
        return json.loads(out.stdout)

    def search(self, ranges, trials, *options):
        """The best trial of `forebay search`: its score, and its settings as Forebay writes them."""
        ranges = [part for name, text in ranges.items() for part in ("--range", f"{name}={text}")]
        fixed = ["--range", f"bias_scaling={BIAS}", "--range", f"topology=random:{DENSITY}", "--units", UNITS]
        with tempfile.TemporaryDirectory() as folder:
            files = ["--log", f"{folder}/log.jsonl", "--out", folder]
            best = self.call("search", *ranges, *fixed, "--trials", trials, "--seeds", SEEN, *files, *options)["best"]
        assert (best["settings"]["units"], best["settings"]["squares"]) == (UNITS, False), best
        return best["score"], {name: best["settings"][name] for name in RANGES}

    def in_forebay(self, values):
        """Validation NRMSE, the mean of the seeds that searches see."""
        return self.search({name: repr(value) for name, value in values.items()}, 1)[0]

    def in_reservoirpy(self, values):
        """The same, built with ReservoirPy."""
        return statistics.mean(self.score(values, seed, self.train, self.known) for seed in range(SEEN))

    def test_in_forebay(self, values):
        """Test NRMSE, the mean of fresh seeds."""
        fixed = {"units": UNITS, "bias_scaling": BIAS, "squares": False, "activation": "tanh"}
        settings = {"topology": {"random": {"density": DENSITY}}, **fixed, **values}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "settings.json"
            file.write_text(json.dumps(settings))
            options = ["--settings", file, "--seeds", SEEN + FRESH, "--no-hybrid", "--force", "--out", folder]
            return statistics.mean(self.call("forecast", *options)["test_nrmse_per_seed"][SEEN:])

    def test_in_reservoirpy(self, values):
        """The same with ReservoirPy."""
        end, seeds = len(self.scaled), range(SEEN, SEEN + FRESH)
        return statistics.mean(self.score(values, seed, self.known, end) for seed in seeds)

    def score(self, values, seed, fitted, end):
        """NRMSE of the forecasts of the rows from `fitted` to `end` by a ReservoirPy network fitted to the rows before."""
        inputs, horizon = self.scaled[:end], self.horizon
        scales = {"lr": values["leak_rate"], "sr": values["spectral_radius"], "input_scaling": values["input_scaling"]}
        shape = {"input_connectivity": 1.0, "rc_connectivity": DENSITY, "Win": mat_gen.uniform, "W": mat_gen.uniform}
        reservoir = Reservoir(UNITS, **scales, **shape, bias=mat_gen.uniform(low=-BIAS, high=BIAS), seed=seed)
        features = np.hstack([inputs, reservoir.run(inputs)])
        readout = Ridge(ridge=values["ridge"])
        changes = inputs[horizon:] - inputs[:-horizon]
        readout.fit(features[WASHOUT : fitted - horizon], changes[WASHOUT : fitted - horizon])
        made = (inputs + readout.run(features))[fitted - horizon : end - horizon]
        truth = inputs[fitted:end]
        return float(np.sqrt(np.mean((made - truth) ** 2) / np.var(truth)))


def by_forebay(task, trials, seed, *options):
    ranges = {name: f"{low}..{high}" + ",log" * is_log for name, (low, high, is_log) in RANGES.items()}
    return task.search(ranges, trials, "--seed", seed, *options)


def by_optuna(objective, trials, seed):
    def measure(trial):
        return objective({name: trial.suggest_float(name, a, b, log=log) for name, (a, b, log) in RANGES.items()})

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(measure, n_trials=trials)
    return study.best_value, study.best_params


def show(values, digits):
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}..{max(values):.{digits}f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forebay", required=True, type=Path, help="the program, built with --release")
    parser.add_argument("--trials", default=100, type=int)
    parser.add_argument("--search-seeds", default=5, type=int, help="searches of each kind, with the seeds 1, 2, ..")
    parser.add_argument("--json", type=Path, help="file for every number")
    options = parser.parse_args()
    if not options.forebay.is_file():
        parser.error(f"there is no {options.forebay}: build it with `cargo build --release`")
    forebay = options.forebay.resolve()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    version = subprocess.run([forebay, "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    print(f"{version}, optuna {optuna.__version__}, reservoirpy {reservoirpy.__version__}, numpy {np.__version__}")

    worse, kept = [], []
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.csv" for name in ("sunspots", "mackey-glass", "lorenz")}
        subprocess.run([forebay, "data", "export", "sunspots", files["sunspots"]], stdout=subprocess.DEVNULL, check=True)
        np.savetxt(files["mackey-glass"], mackey_glass(3000), header="x", comments="")
        np.savetxt(files["lorenz"], lorenz(3000), header="x", comments="")
        for name, horizon in [("sunspots", 1), ("mackey-glass", 30), ("lorenz", 5)]:
            task = Task(name, files[name], horizon, forebay)
            print(f"\n{name}, horizon {horizon}, {' + '.join(map(str, task.split))} rows")
            titles = ["validation", "test in forebay", "test in reservoirpy"]
            print(f"  {'search':<22}" + "".join(f"{title:<28}" for title in titles) + "seconds of a study")
            searches = {
                OURS: lambda seed: by_forebay(task, options.trials, seed),
                "forebay, random": lambda seed: by_forebay(task, options.trials, seed, "--sampler", "random"),
                "optuna on forebay": lambda seed: by_optuna(task.in_forebay, options.trials, seed),
                THEIRS: lambda seed: by_optuna(task.in_reservoirpy, options.trials, seed),
            }
            medians = {}
            for search, run in searches.items():
                scores, seconds = [], []
                for seed in range(1, options.search_seeds + 1):
                    start = time.perf_counter()
                    validation, values = run(seed)
                    seconds.append(time.perf_counter() - start)
                    scores.append((validation, task.test_in_forebay(values), task.test_in_reservoirpy(values)))
                    kept.append({"task": name, "search": search, "seed": seed, "scores": scores[-1], "values": values})
                columns = list(zip(*scores))
                medians[search] = [statistics.median(column) for column in columns]
                cells = "".join(f"{show(column, 4):<28}" for column in columns)
                print(f"  {search:<22}{cells}{show(seconds, 1)}", flush=True)
            pairs = zip(titles, medians[OURS], medians[THEIRS])
            worse += [f"{name}, {title}: {a:.4f} beside {b:.4f}" for title, a, b in pairs if not a <= SLACK * b]
    if options.json:
        options.json.write_text(json.dumps(kept, indent=1) + "\n")
    print("\n" + ("\n".join(["WORSE than optuna on reservoirpy:", *worse]) if worse else "At least as good on all tasks."))
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
