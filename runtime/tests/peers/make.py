"""Writes what ReservoirPy and PyRCN compute for small fixed networks: the arrays that `main.rs` compares with.

    python3 -m venv peers && peers/bin/pip install reservoirpy==0.4.2 PyRCN==0.1.0
    peers/bin/python runtime/tests/peers/make.py

PyRCN brings scikit-learn (1.9.1 when the arrays were made) and torch. ReservoirComputing.jl needs Julia and is not
here: what docs/coming-from.md says of it is from its documentation.

One archive per peer, `reservoirpy.npz` and `pyrcn.npz`. The arrays of a network are named `network/array`; every number
that is not an input, a target or a given weight was computed by the peer's own code, in f64, but for `condition` and
`exact`, which are numpy's. Common names:

    W, Win, bias, lr     weights of the reservoir as the peer keeps them
    Wout, Wout_bias      weights of the readout as the peer keeps them
    u, y                 inputs and outputs, a row per step
    x                    states of the reservoir, a row per step
    t                    targets
    condition            of the matrix that the ridge solver inverts
"""

import sys
import warnings
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np

import pyrcn_networks  # noqa: F401, fills NETWORKS
import reservoirpy_networks  # noqa: F401
import reservoirpy_training  # noqa: F401
from common import NETWORKS


def write(peer):
    path = Path(__file__).parent / f"{peer}.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for make in NETWORKS[peer]:
            for name, array in make().items():
                array = np.ascontiguousarray(array, dtype=np.float64)
                assert array.size and np.isfinite(array).all(), (make.__name__, name)
                content = BytesIO()
                np.lib.format.write_array(content, array, version=(1, 0))
                # Without a date, so that equal arrays give equal bytes.
                entry = zipfile.ZipInfo(f"{make.__name__}/{name}.npy")
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, content.getvalue())
    print(f"{path}: {len(NETWORKS[peer])} networks, {path.stat().st_size} bytes")


if __name__ == "__main__":
    warnings.simplefilter("error", RuntimeWarning)
    for peer in sys.argv[1:] or NETWORKS:
        write(peer)
