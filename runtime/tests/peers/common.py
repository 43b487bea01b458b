"""Weights and series that all networks are made from."""

import numpy as np

NETWORKS = {"reservoirpy": [], "pyrcn": []}
UNITS = 12
STEPS = 80
# Where series of unequal length begin and end.
UNEQUAL = [(0, 25), (25, 65), (65, 80)]


def network(peer):
    def add(make):
        NETWORKS[peer].append(make)
        return make

    return add


def weights(seed, inputs=1, units=UNITS, radius=0.9, scale=0.7):
    """W and Win with ReservoirPy's orientation: `W @ x + Win @ u`."""
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(units, units)) * (rng.random((units, units)) < 0.4)
    W *= radius / np.max(np.abs(np.linalg.eigvals(W)))
    return W, rng.uniform(-scale, scale, (units, inputs))


def readout(seed, features=UNITS, outputs=1):
    """Wout and bias with ReservoirPy's orientation: `x @ Wout + bias`."""
    rng = np.random.default_rng(1000 + seed)
    return rng.normal(size=(features, outputs)) / np.sqrt(features), rng.uniform(-0.5, 0.5, outputs)


def series(seed, features=1, steps=STEPS):
    """A wave in some noise."""
    rng = np.random.default_rng(2000 + seed)
    time = np.arange(steps)[:, None]
    wave = np.sin(time * rng.uniform(0.1, 0.5, features) + rng.uniform(0, 6, features))
    return 0.7 * wave + rng.uniform(-0.3, 0.3, (steps, features))


def target(u, outputs=1):
    """Something a reservoir can learn in part: the product of the last two inputs and a lagged input."""
    past = np.vstack([np.zeros((2, u.shape[1])), u])
    columns = [0.5 * past[2:, :1] * past[1:-1, :1] + past[:-2, -1:], past[1:-1, :1] ** 2]
    return np.hstack(columns)[:, :outputs] + 0.3


def condition(features, ridge, bias=True):
    """Of the matrix that is solved with, features centred first if there is an intercept."""
    rows = features - features.mean(axis=0) if bias else features
    return np.linalg.cond(rows.T @ rows + ridge * np.eye(rows.shape[1]))
