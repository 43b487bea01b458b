#!/usr/bin/env bash
# The combined forecast beside its peers on public series, or on a list of runs; arguments go to forecasts/main.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=target/compare/forecasts
if ! [ -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r benches/compare/forecasts/requirements.txt
fi
case " $* " in
  *" --forebay "* | *" --example "*) ours=() ;;
  *)
    cargo build --release --quiet -p forebay-forecast --example one
    ours=(--example target/release/examples/one)
    ;;
esac
export PYTHONDONTWRITEBYTECODE=1
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 RAYON_NUM_THREADS=1
exec "$venv/bin/python" benches/compare/forecasts/main.py "${ours[@]}" "$@"
