"""Networks of ReservoirPy that learn: next-generation reservoirs, ridge regression, online learners, plasticity."""

import numpy as np

from common import STEPS, UNEQUAL, UNITS, condition, network, series, target, weights
from reservoirpy_networks import given, kept, kept_readout, reservoir, walk

# Next-generation reservoirs


def nvar(seed, delay, order, strides, features):
    from reservoirpy.nodes import NVAR

    node, u = NVAR(delay=delay, order=order, strides=strides), series(seed, features)
    x = node.run(u)
    out = given(seed, x.shape[1])
    node.store[:] = 0
    y = (node >> out).run(u)
    return {"u": u, "x": x, "y": y, "delay": delay, "order": order, "strides": strides, **kept_readout(out)}


@network("reservoirpy")
def nvar_order_2():
    return nvar(39, 2, 2, 1, 2)


@network("reservoirpy")
def nvar_strides():
    return nvar(40, 3, 2, 4, 2)


@network("reservoirpy")
def nvar_order_3():
    return nvar(41, 2, 3, 1, 2)


@network("reservoirpy")
def nvar_ridge():
    """As in Gauthier and others: the difference to the next step by ridge regression."""
    from reservoirpy.nodes import NVAR, Ridge

    node, out, u = NVAR(delay=2, order=2, strides=2), Ridge(ridge=1e-2), series(42, 2)
    model = node >> out
    model.fit(u[:-1], np.diff(u, axis=0), warmup=10)
    node.store[:] = 0
    x = node.run(u)
    return {"u": u, "x": x, "y": out.run(x), "delay": 2, "order": 2, "strides": 2, "ridge": 1e-2, "warmup": 10,
            "t": np.diff(u, axis=0), **kept_readout(out), "condition": condition(x[10:-1], 1e-2)}


@network("reservoirpy")
def nvar_second_series():
    """The delay line is no state: neither a new series nor `reset` clears it."""
    from reservoirpy.nodes import NVAR

    node, u = NVAR(delay=3, order=2), series(43, 2)
    first = node.run(u[:40])
    node.reset()
    second = node.run(u[40:])
    return {"u": u, "first": first, "second": second, "delay": 3, "order": 2, "strides": 1}


# Training


def ridge(seed, ridge=0.1, warmup=10, outputs=1, offset=0.0, **settings):
    """Trained on 60 steps; the run that follows goes on from the state at their end."""
    from reservoirpy.nodes import Ridge

    r, out, u = reservoir(seed, lr=0.5), Ridge(ridge=ridge, **settings), series(seed)
    t = target(u, outputs) + offset
    model = r >> out
    model.fit(u[:60], t[:60], warmup=warmup)
    after = model.run(u[60:])
    r.reset()
    x = r.run(u)
    return {"u": u, "t": t, "x": x, "y": out.run(x), "after": after, **kept(r), **kept_readout(out), "ridge": ridge,
            "warmup": warmup, "condition": condition(x[warmup:60], ridge, out.fit_bias)}


@network("reservoirpy")
def ridge_small():
    return ridge(44, ridge=1e-6)


@network("reservoirpy")
def ridge_large():
    return ridge(45, ridge=10.0, warmup=0)


@network("reservoirpy")
def ridge_two_outputs():
    return ridge(46, outputs=2)


@network("reservoirpy")
def ridge_without_bias():
    return ridge(47, fit_bias=False)


@network("reservoirpy")
def ridge_zero():
    return ridge(48, ridge=0.0)


@network("reservoirpy")
def ridge_input_to_readout():
    from reservoirpy import ESN
    from reservoirpy.nodes import Ridge

    r, out, u = reservoir(49, 2, lr=0.5), Ridge(ridge=0.1), series(49, 2)
    t = target(u, 2)
    model = ESN(reservoir=r, readout=out, input_to_readout=True)
    model.fit(u, t, warmup=10)
    model.reset()
    walked = walk(model, u, x=r)
    return {"u": u, "t": t, **walked, **kept(r), **kept_readout(out), "ridge": 0.1, "warmup": 10,
            "condition": condition(np.hstack([walked["x"], u])[10:], 0.1)}


@network("reservoirpy")
def ridge_of_series():
    """A list of series of unequal length; the warmup is cut off each."""
    from reservoirpy.nodes import Ridge

    r, out, u = reservoir(50, lr=0.5), Ridge(ridge=0.1), series(50)
    t = target(u)
    model = r >> out
    cut = lambda a: [a[start:stop] for start, stop in UNEQUAL]
    model.fit(cut(u), cut(t), warmup=5)
    r.reset()
    states = []
    for part in cut(u):
        r.reset()
        states.append(r.run(part))
    used = np.vstack([x[5:] for x in states])
    return {"u": u, "t": t, "x": np.vstack(states), **kept(r), **kept_readout(out), "ridge": 0.1, "warmup": 5,
            "condition": condition(used, 0.1)}


@network("reservoirpy")
def ridge_far_from_zero():
    """A feature far from zero that varies little, no penalty to speak of: sums first and means afterwards lose digits.

    `exact` is the same regression with the means taken off first.
    """
    from reservoirpy.nodes import Ridge

    rng = np.random.default_rng(51)
    u = np.hstack([1e6 + rng.uniform(-1, 1, (STEPS, 1)), rng.uniform(-1, 1, (STEPS, 1))])
    t = 3.0 * (u[:, :1] - 1e6) - 2.0 * u[:, 1:] + 0.5
    out = Ridge(ridge=1e-10)
    out.fit(u, t)
    rows, targets = u - u.mean(axis=0), t - t.mean(axis=0)
    exact = np.linalg.solve(rows.T @ rows + 1e-10 * np.eye(2), rows.T @ targets)
    return {"u": u, "t": t, "ridge": 1e-10, "exact": exact, "condition": condition(u, 1e-10), **kept_readout(out)}


@network("reservoirpy")
def ridge_of_masked_targets():
    """Targets that are NaN are left out."""
    from reservoirpy.nodes import Ridge

    r, out, u = reservoir(52, lr=0.5), Ridge(ridge=0.1), series(52)
    t = target(u)
    t[::3] = np.nan
    (r >> out).fit(u, t)
    return {"u": u, "masked": np.isnan(t).astype(float), "t": np.nan_to_num(t), "ridge": 0.1, **kept(r),
            **kept_readout(out)}


# Online learners


def online(seed, node):
    """The output of a step is that after its correction, with the bias from before it."""
    r, u = reservoir(seed, lr=0.5), series(seed)
    t = target(u)
    model = r >> node
    y = model.partial_fit(u, t)
    r.reset()
    return {"u": u, "t": t, "y": y, "x": r.run(u), **kept(r), **kept_readout(node)}


@network("reservoirpy")
def rls():
    from reservoirpy.nodes import RLS

    return {**online(53, RLS(alpha=0.5, fit_bias=False)), "alpha": 0.5, "forgetting": 1.0}


@network("reservoirpy")
def rls_forgetting():
    from reservoirpy.nodes import RLS

    return {**online(54, RLS(alpha=0.5, fit_bias=False, forgetting=0.97)), "alpha": 0.5, "forgetting": 0.97}


@network("reservoirpy")
def rls_bias():
    """The bias is not one of the features: it follows the mean of the errors."""
    from reservoirpy.nodes import RLS

    return {**online(55, RLS(alpha=0.5, forgetting=0.99)), "alpha": 0.5, "forgetting": 0.99}


@network("reservoirpy")
def lms():
    from reservoirpy.nodes import LMS

    return {**online(56, LMS(learning_rate=0.05, fit_bias=False)), "rate": 0.05}


@network("reservoirpy")
def lms_bias():
    from reservoirpy.nodes import LMS

    return {**online(57, LMS(learning_rate=0.05)), "rate": 0.05}


@network("reservoirpy")
def force():
    """RLS with feedback: what is fed back is the output after the correction, not the target."""
    from reservoirpy.nodes import RLS

    r, out = reservoir(58, 2, radius=0.8, scale=0.5, lr=0.5), RLS(alpha=1.0, fit_bias=False, name="out")
    u = series(58)
    t = target(u)
    model = (r >> out) & (r << out)
    y = model.partial_fit(u, t)
    return {"u": u, "t": t, "y": y, "last": r.state["out"], **kept(r), **kept_readout(out), "alpha": 1.0}


# Other nodes


@network("reservoirpy")
def es2n():
    from reservoirpy.nodes import ES2N

    W, Win = weights(59)
    orthogonal = np.linalg.qr(np.random.default_rng(59).normal(size=(UNITS, UNITS)))[0]
    node, u = ES2N(W=W, Win=Win, O=orthogonal, proximity=0.4), series(59, steps=40)
    return {"u": u, "x": node.run(u), "W": W, "Win": Win, "O": orthogonal, "proximity": 0.4}


@network("reservoirpy")
def lif():
    from reservoirpy.nodes import LIF

    W, Win = weights(60)
    node, u = LIF(W=W, Win=Win, lr=0.2, threshold=0.3), series(60, steps=40)
    return {"u": u, "x": node.run(u), "W": W, "Win": Win, "lr": 0.2, "threshold": 0.3}


def plastic(seed, lr):
    from reservoirpy.nodes import IPReservoir

    W, Win = weights(seed)
    b = np.linspace(-0.3, 0.3, UNITS)
    node = IPReservoir(W=W, Win=Win, bias=b, lr=lr, mu=0.0, sigma=0.2, learning_rate=1e-3)
    u = series(seed, steps=40)
    node.fit(u)
    node.reset()
    return {"u": u, "x": node.run(u), "W": W, "Win": Win, "bias": b, "lr": lr, "gain": node.a, "offset": node.b}


@network("reservoirpy")
def intrinsic_plasticity():
    """What it learned is a gain and an offset in front of tanh."""
    return plastic(61, 1.0)


@network("reservoirpy")
def intrinsic_plasticity_leaky():
    """It leaks in front of tanh, not behind it."""
    return plastic(64, 0.5)


@network("reservoirpy")
def local_plasticity():
    """It leaks in front of tanh as well, but from its output: tanh((1 - lr) x + lr (W x + Win u + b))."""
    from reservoirpy.nodes import LocalPlasticityReservoir

    W, Win = weights(62)
    node = LocalPlasticityReservoir(W=W, Win=Win, bias=np.linspace(-0.3, 0.3, UNITS), lr=0.5, local_rule="oja", eta=1e-3)
    u = series(62, steps=40)
    node.fit(u)
    node.reset()
    return {"u": u, "x": node.run(u), **kept(node)}


@network("reservoirpy")
def lasso():
    """Any regressor of scikit-learn as a readout."""
    from reservoirpy.nodes import ScikitLearnNode
    from sklearn.linear_model import Lasso

    r, u = reservoir(63, lr=0.5), series(63)
    out = ScikitLearnNode(Lasso, alpha=1e-3)
    t = target(u)
    (r >> out).fit(u, t)
    r.reset()
    x = r.run(u)
    return {"u": u, "t": t, "x": x, "y": out.run(x), **kept(r)}
