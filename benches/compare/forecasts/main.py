"""The combined forecast beside six peers, on public series or on a list of runs; see ../README.md."""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import pandas as pd

import peers
import series as public_series


def of_list(path, folder):
    """Runs of a list, `name file column season horizon score` on a line; file `-` is a shipped series of that name."""
    runs = {}
    for line in open(path):
        if line.startswith("#") or not line.strip():
            continue
        name, file, column, season, horizon, score = line.split()
        if season == "?":
            sys.exit(f"{name}: the peers need a season, or 0")
        where = ("-", column) if file == "-" else (os.path.join(folder, file), column)
        entry = runs.setdefault((name, where, int(season)), [])
        entry.append((int(horizon), float(score)))
    for (name, where, season), horizons in runs.items():
        for horizon, score in horizons:
            yield name, where, season, horizon, score


def of_packages(folder):
    """Public series as files, a column `value` each; short ones first."""
    for name, origin, values, season, horizons in sorted(public_series.public(), key=lambda found: len(found[2])):
        path = os.path.join(folder, name + ".csv")
        with open(path, "w") as file:
            file.write("value\n")
            file.writelines("NA\n" if math.isnan(v) else f"{float(v)!r}\n" for v in values)
        for horizon in horizons:
            yield name, (path, "value"), season, horizon, origin


def run(command):
    """What a program tells as JSON, or the first line of why not."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return None, (done.stderr.strip().splitlines() or ["no word of why"])[0]
    return json.loads(done.stdout), None


def numbers(values):
    return np.array([math.nan if value is None else value for value in values], dtype=float)


def by_example(example, where, season, horizon):
    """Series, first row of the test part, and forecasts from there on, by the example `one`."""
    told, why = run([example, *where, str(season), str(horizon)])
    if told is None:
        return None, why
    return (numbers(told["series"]), told["first"], numbers(told["forecasts"])), None


def by_program(forebay, where, season, horizon):
    """The same by `forebay forecast`, which forecasts all steps up to the horizon; the last one is judged."""
    file, column = where
    with tempfile.TemporaryDirectory() as folder:
        if file == "-":
            file = os.path.join(folder, column + ".csv")
            subprocess.run([forebay, "data", "export", column, file], check=True, capture_output=True)
            column = "2"
        options = ["--target", column, "--horizon", str(horizon), "--season", str(season) if season > 1 else "none"]
        options += ["--split", "0.6,0.2,0.2", "--clock", "none", "--id", "none", "--fill", "mark", "--out", os.path.join(folder, "out"), "--json"]
        told, why = run([forebay, "forecast", file, *options])
        if told is None:
            return None, why
        first, test = told["plan"]["first_test_row"], told["targets"][0]["test"]
        frame = pd.read_csv(file)
        name = column if column in frame.columns else frame.columns[int(column) - 1]
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float)
    truth = numbers(test["truth"])
    if test["horizon"] != horizon or not np.array_equal(truth, values[first : first + len(truth)], equal_nan=True):
        sys.exit(f"{file}: the report's test part is none of the file's rows from {first} on")
    return (values[: first + len(truth)], first, numbers(test["forecast"])), None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    program = parser.add_mutually_exclusive_group(required=True)
    program.add_argument("--example", help="path of the example `one`")
    program.add_argument("--forebay", help="path of the program `forebay`")
    parser.add_argument("--list", help="a list of runs instead of the public series")
    parser.add_argument("--folder", help="the folder of the list's files, or where public series are written")
    parser.add_argument("--only", help="the series of this name alone")
    parser.add_argument("--json", help="where results are written")
    arguments = parser.parse_args()
    folder = arguments.folder or tempfile.mkdtemp()
    os.makedirs(folder, exist_ok=True)
    is_list = arguments.list is not None
    runs = of_list(arguments.list, folder) if is_list else of_packages(folder)
    names = list(peers.PEERS)
    print(f"{'series':22} {'rows':>6} {'s':>4} {'h':>3} {'ours':>8} {'best':>8} {'ratio':>6} {'time':>6}  " + "  ".join(names))
    results = []
    for name, where, season, horizon, origin in runs:
        if arguments.only not in (None, name):
            continue
        started = time.perf_counter()
        ours = by_example if arguments.example else by_program
        found, why = ours(arguments.example or arguments.forebay, where, season, horizon)
        seconds = time.perf_counter() - started
        if found is None:
            results.append({"series": name, "horizon": horizon, "origin": origin, "refused": why})
            print(f"{name:22} refused: {why}", flush=True)
            continue
        values, first, forecasts = found
        lead = int(np.flatnonzero(np.isfinite(values))[0])
        scores, failed = peers.all_peers(values[lead:], first - lead, season, horizon)
        score = peers.nrmse(values, forecasts, first)
        judged = {peer: value for peer, value in scores.items() if value is not None}
        if score is None or not judged or min(judged.values()) == 0.0:
            results.append({"series": name, "horizon": horizon, "origin": origin, "refused": "the test part does not vary, or a peer has it without error"})
            print(f"{name:22} the test part does not vary, or a peer has it without error", flush=True)
            continue
        best = min(judged, key=judged.get)
        ratio = score / judged[best]
        row = {"series": name, "origin": origin, "rows": len(values), "first": first, "season": season, "horizon": horizon}
        row |= {"ours": score, "best": judged[best], "best_peer": best, "ratio": ratio, "peers": scores, "failed": failed, "seconds": seconds}
        results.append(row)
        cells = "  ".join(f"{scores[peer]:.4f}".rjust(len(peer)) if scores.get(peer) else "-".rjust(len(peer)) for peer in names)
        print(f"{name:22} {len(values):6} {season:4} {horizon:3} {score:8.4f} {judged[best]:8.4f} {ratio:6.3f} {seconds:6.1f}  {cells}", flush=True)
        for peer, why in failed.items():
            print(f"{'':22} {peer} failed: {why}", flush=True)
        write(arguments.json, results)
    summary(results)
    write(arguments.json, results)


def write(path, results):
    """What is there so far; nothing without a path."""
    if path:
        versions = [public_series.version(p) for p in ("lightgbm", "scikit-learn", "statsmodels", "reservoirpy", "numpy")]
        with open(path, "w") as file:
            json.dump({"peers": versions, "runs": results}, file, indent=1)


def summary(results):
    rows = [row for row in results if "ratio" in row]
    if not rows:
        return

    def line(what, rows):
        ratios = np.array([row["ratio"] for row in rows])
        within = [int((ratios <= bound).sum()) for bound in (1.0, 1.03, 1.15)]
        mean = math.exp(np.mean(np.log(ratios)))
        print(f"{what:28} {len(rows):3} runs: {within[0]} best, {within[1]} within 1.03, {within[2]} within 1.15, geometric mean {mean:.3f}")

    print()
    line("all", rows)
    for what, some in (("one step ahead", [r for r in rows if r["horizon"] == 1]), ("further ahead", [r for r in rows if r["horizon"] > 1])):
        if some:
            line(what, some)
    refused = len(results) - len(rows)
    if refused:
        print(f"{refused} runs refused or without a score")
    for peer in peers.PEERS:
        both = [row["ours"] / row["peers"][peer] for row in rows if row["peers"].get(peer)]
        if both:
            wins = sum(ratio < 1 for ratio in both)
            mean = math.exp(np.mean(np.log(both)))
            print(f"beside {peer:20} {len(both):3} runs: {wins} better, geometric mean {mean:.3f}")
    print("worst:")
    for row in sorted(rows, key=lambda row: -row["ratio"])[:12]:
        print(f"  {row['series']:22} h {row['horizon']:3} ratio {row['ratio']:.3f}, best peer {row['best_peer']} ({row['best']:.4f})")


main()
