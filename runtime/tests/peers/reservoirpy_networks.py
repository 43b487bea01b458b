"""Networks of ReservoirPy."""

import numpy as np

from common import STEPS, UNEQUAL, UNITS, condition, network, readout, series, target, weights

def reservoir(seed, inputs=1, units=UNITS, radius=0.9, scale=0.7, **settings):
    from reservoirpy.nodes import Reservoir

    W, Win = weights(seed, inputs, units, radius, scale)
    return Reservoir(W=W, Win=Win, **settings)


def given(seed, features=UNITS, outputs=1, name=None):
    from reservoirpy.nodes import Ridge

    Wout, bias = readout(seed, features, outputs)
    return Ridge(Wout=Wout, bias=bias, name=name)


def kept(node, prefix=""):
    """The weights of a reservoir node."""
    dense = lambda a: a.toarray() if hasattr(a, "toarray") else np.asarray(a, dtype=float)
    found = {"W": dense(node.W), "Win": dense(node.Win), "bias": dense(node.bias), "lr": dense(node.lr)}
    return {prefix + name: array for name, array in found.items()}


def kept_readout(node):
    return {"Wout": node.Wout, "Wout_bias": node.bias}


def walk(model, u, **nodes):
    """Outputs and the states of nodes, step by step, from wherever the model stands."""
    rows = {name: [] for name in ["y", *nodes]}
    for row in u:
        rows["y"].append(model.step(row))
        for name, node in nodes.items():
            rows[name].append(node.state["out"])
    return {name: np.array(values) for name, values in rows.items()}


def plain(seed, inputs=1, outputs=1, **settings):
    """One reservoir, one readout: both ways to run it must agree in ReservoirPy itself."""
    r, out = reservoir(seed, inputs, **settings), given(seed, outputs=outputs)
    u = series(seed, inputs)
    model = r >> out
    run = model.run(u)
    model.reset()
    walked = walk(model, u, x=r)
    assert np.abs(run - walked["y"]).max() < 1e-13
    return {"u": u, **kept(r), **kept_readout(out), **walked}


@network("reservoirpy")
def leaky():
    return plain(1, lr=0.3)


@network("reservoirpy")
def leaky_per_unit():
    return plain(2, lr=np.linspace(0.1, 1.0, UNITS))


@network("reservoirpy")
def no_leak():
    return plain(3)


@network("reservoirpy")
def bias():
    return plain(4, lr=0.5, bias=np.linspace(-0.4, 0.4, UNITS))


@network("reservoirpy")
def bias_scalar():
    return plain(5, lr=0.5, bias=0.25)


@network("reservoirpy")
def many_inputs_and_outputs():
    return plain(6, inputs=3, outputs=2, lr=0.6)


@network("reservoirpy")
def identity():
    return plain(7, lr=0.4, activation="identity")


@network("reservoirpy")
def relu():
    return plain(8, lr=0.4, activation="relu", radius=0.6)


@network("reservoirpy")
def sigmoid():
    return plain(9, lr=0.4, activation="sigmoid")


@network("reservoirpy")
def softplus():
    return plain(10, lr=0.4, activation="softplus", radius=0.3)


@network("reservoirpy")
def softmax():
    return plain(11, lr=0.4, activation="softmax")


@network("reservoirpy")
def drawn_by_recipe():
    """Weights from ReservoirPy's own initialisers: sparse W, Bernoulli Win, a scaling per input."""
    from reservoirpy.nodes import Reservoir

    r = Reservoir(
        40, lr=0.5, sr=0.95, rc_connectivity=0.2, input_connectivity=0.5, input_scaling=[0.3, 1.5], seed=7
    )
    out, u = given(12, features=40), series(12, 2, 60)
    model = r >> out
    return {"u": u, **walk(model, u, x=r), **kept(r), **kept_readout(out)}


@network("reservoirpy")
def input_to_readout():
    """`ESN(input_to_readout=True)`: the rows of Wout are those of the state, then those of the input."""
    from reservoirpy import ESN

    r, out, u = reservoir(13, 2, lr=0.5), given(13, UNITS + 2, 2), series(13, 2)
    model = ESN(reservoir=r, readout=out, input_to_readout=True)
    return {"u": u, **walk(model, u, x=r), **kept(r), **kept_readout(out)}


@network("reservoirpy")
def input_before_reservoir():
    """`[input, input >> reservoir] >> readout`: the input first, because its edge was made first."""
    from reservoirpy.nodes import Input

    r, out, u, source = reservoir(14, 2, lr=0.5), given(14, UNITS + 2, 2), series(14, 2), Input()
    model = [source, source >> r] >> out
    return {"u": u, **walk(model, u, x=r), **kept(r), **kept_readout(out)}


@network("reservoirpy")
def deep_two():
    a, b, out, u = reservoir(15, lr=0.5), reservoir(16, UNITS, lr=0.8, scale=0.3), given(15), series(15)
    return {"u": u, **walk(a >> b >> out, u, x1=a, x2=b), **kept(a, "1/"), **kept(b, "2/"), **kept_readout(out)}


@network("reservoirpy")
def deep_three():
    a, b, c = (reservoir(17 + k, UNITS if k else 1, lr=0.9 - 0.2 * k, scale=0.4) for k in range(3))
    out, u = given(17), series(17)
    walked = walk(a >> b >> c >> out, u, x1=a, x2=b, x3=c)
    return {"u": u, **walked, **kept(a, "1/"), **kept(b, "2/"), **kept(c, "3/"), **kept_readout(out)}


@network("reservoirpy")
def deep_readout_of_all():
    a, b, c = (reservoir(20 + k, UNITS if k else 1, lr=0.9 - 0.2 * k, scale=0.4) for k in range(3))
    out, u = given(20, 3 * UNITS), series(20)
    model = (a >> b >> c) & ([a, b, c] >> out)
    walked = walk(model, u, x1=a, x2=b, x3=c)
    return {"u": u, **walked, **kept(a, "1/"), **kept(b, "2/"), **kept(c, "3/"), **kept_readout(out)}


@network("reservoirpy")
def deep_with_inputs():
    """The second reservoir is driven by `[u; x1]`."""
    from reservoirpy.nodes import Input

    a, b = reservoir(23, lr=0.5), reservoir(24, 1 + UNITS, lr=0.8, scale=0.3)
    out, u, source = given(23), series(23), Input()
    model = [source, source >> a] >> b >> out
    return {"u": u, **walk(model, u, x1=a, x2=b), **kept(a, "1/"), **kept(b, "2/"), **kept_readout(out)}


@network("reservoirpy")
def side_by_side():
    from reservoirpy.nodes import Input

    a, b, out = reservoir(25, lr=0.3), reservoir(26, lr=0.9), given(25, 2 * UNITS)
    u, source = series(25), Input()
    model = source >> [a, b] >> out
    return {"u": u, **walk(model, u, x1=a, x2=b), **kept(a, "1/"), **kept(b, "2/"), **kept_readout(out)}


@network("reservoirpy")
def delay_on_an_edge():
    """`a >> 3 >> b` beside `a >> b`: the reservoir is driven by `[u(t); u(t-3)]`.

    `initialize` of 0.4.2 takes a delayed edge that is no feedback for a cycle, so the nodes and the delay line are set up
    one by one, as it would have done.
    """
    from reservoirpy.nodes import Input

    r, out, u, source = reservoir(27, 4, lr=0.5), given(27), series(27, 2), Input()
    model = (source >> r) & (source >> 3 >> r) & (r >> out)
    for node, width in [(source, 2), (r, 4), (out, UNITS)]:
        node.initialize(np.zeros(width))
    model.feedback_buffers = {edge: np.zeros((edge[1], 2)) for edge in model.edges if edge[1] > 0}
    model.initialized = True
    return {"u": u, **walk(model, u, x=r), **kept(r), **kept_readout(out)}


def fed_back(seed, inputs=1, outputs=1, **settings):
    """`reservoir << readout`: the columns of Win are those of the input, then those of the previous output."""
    r, out = reservoir(seed, inputs + outputs, radius=0.7, scale=0.5, **settings), given(seed, outputs=outputs)
    u = series(seed, inputs)
    model = (r >> out) & (r << out)
    # Only with targets does it see that the reservoir has more inputs.
    model.initialize(u, np.zeros((STEPS, outputs)))
    return model, r, out, u


@network("reservoirpy")
def feedback():
    model, r, out, u = fed_back(28, lr=0.5)
    return {"u": u, **walk(model, u, x=r), **kept(r), **kept_readout(out)}


@network("reservoirpy")
def feedback_of_two():
    model, r, out, u = fed_back(29, 2, 2, lr=np.linspace(0.3, 0.9, UNITS), bias=np.linspace(-0.3, 0.3, UNITS))
    return {"u": u, **walk(model, u, x=r), **kept(r), **kept_readout(out)}


@network("reservoirpy")
def feedback_and_input_to_readout():
    from reservoirpy import ESN

    r, out, u = reservoir(30, 3, radius=0.7, scale=0.5, lr=0.5), given(30, UNITS + 2), series(30, 2)
    model = ESN(reservoir=r, readout=out, feedback=True, input_to_readout=True)
    model.initialize(u, np.zeros((STEPS, 1)))
    return {"u": u, **walk(model, u, x=r), **kept(r), **kept_readout(out)}


@network("reservoirpy")
def feedback_to_the_second():
    """Win of the second reservoir reads `[x1; y]`."""
    a, b = reservoir(31, lr=0.5), reservoir(32, UNITS + 1, lr=0.8, radius=0.7, scale=0.3)
    out, u = given(31), series(31)
    model = (a >> b >> out) & (b << out)
    model.initialize(u, np.zeros((STEPS, 1)))
    return {"u": u, **walk(model, u, x1=a, x2=b), **kept(a, "1/"), **kept(b, "2/"), **kept_readout(out)}


@network("reservoirpy")
def feedback_two_steps_ago():
    """`readout >> 2 >> reservoir`."""
    r, out, u = reservoir(33, 2, radius=0.7, scale=0.5, lr=0.5), given(33), series(33)
    model = (r >> out) & (out >> 2 >> r)
    model.initialize(u, np.zeros((STEPS, 1)))
    return {"u": u, **walk(model, u, x=r), **kept(r), **kept_readout(out)}


@network("reservoirpy")
def feedback_forced():
    """Ridge with teacher forcing (the previous target, zero at first), then a run on its own outputs from rest."""
    from reservoirpy.nodes import Ridge

    r, out = reservoir(34, 2, radius=0.7, scale=0.5, lr=0.5), Ridge(ridge=0.1, name="out")
    u = series(34)
    t = target(u)
    model = (r >> out) & (r << out)
    model.fit(u, t, warmup=10)
    r.reset()
    forced = r.run(np.hstack([u, np.vstack([[[0.0]], t[:-1]])]))
    model.reset()
    free = walk(model, u, x=r)
    return {"u": u, "t": t, "forced": forced, **free, **kept(r), **kept_readout(out),
            "ridge": out.ridge, "warmup": 10, "condition": condition(forced[10:], 0.1)}


@network("reservoirpy")
def feedback_after_a_run():
    """Two runs in a row: the second begins with the state from before the first, and with the last output fed back."""
    model, r, out, u = fed_back(35, lr=0.5)
    first = model.run(u[:40])
    between = r.state["out"]
    second = model.run(u[40:])
    return {"u": u, "first": first, "between": between, "second": second, **kept(r), **kept_readout(out)}


@network("reservoirpy")
def closed_loop():
    """Each output is the next input, after a run on known inputs."""
    from reservoirpy.nodes import Ridge

    wave = np.sin(0.3 * np.arange(121))[:, None] * np.array([[1.0, 0.5]]) + np.array([[0.0, 0.2]])
    r, out = reservoir(36, 2, lr=0.7), Ridge(ridge=1e-3)
    model = r >> out
    model.fit(wave[:100], wave[1:101], warmup=20)
    model.reset()
    y = model.run(wave[:100])[-1]
    forecast = []
    for _ in range(30):
        y = model.step(y)
        forecast.append(y)
    return {"u": wave[:100], "t": wave[1:101], "y": np.array(forecast), **kept(r), **kept_readout(out)}


@network("reservoirpy")
def run_after_run():
    """The state goes on from call to call, until `reset`."""
    r, out, u = reservoir(37, lr=0.2), given(37), series(37)
    model = r >> out
    first, second = model.run(u[:40]), model.run(u[40:])
    model.reset()
    return {"u": u, "first": first, "second": second, "after_reset": model.run(u[40:]), **kept(r), **kept_readout(out)}


@network("reservoirpy")
def series_of_a_list():
    """A list of series: all start from the state there was; afterwards it is that of the last one."""
    r, out, u = reservoir(38, lr=0.2), given(38), series(38)
    model = r >> out
    lead = model.run(u[:20])
    runs = model.run([u[a:b] for a, b in UNEQUAL])
    return {"u": u, "lead": lead, "y": np.vstack(runs), "after": model.run(u[:20]), **kept(r), **kept_readout(out)}
