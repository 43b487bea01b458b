#!/usr/bin/env bash
# Steps and training in ReservoirPy and in Forebay, one thread each, in turn.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=target/compare/venv
if ! [ -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet reservoirpy==0.4.2
fi
cargo build --release --quiet -p forebay-cli
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 RAYON_NUM_THREADS=1
exec "$venv/bin/python" benches/compare/compare.py "$@"
