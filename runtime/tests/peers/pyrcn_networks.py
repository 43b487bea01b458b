"""Networks of PyRCN."""

import numpy as np

from common import STEPS, UNEQUAL, UNITS, condition, network, series, target, weights

SCALES = {"input_scaling": 0.6, "input_shift": 0.1, "bias_scaling": 0.3, "bias_shift": -0.05}


def blocks(seed, inputs=1, activation="tanh", into="tanh", radius=0.9, **node):
    """Input and reservoir with given weights; PyRCN's orientation is `u @ Win` and `x @ W`."""
    from pyrcn.base.blocks import InputToNode, NodeToNode

    W, Win = weights(seed, inputs, radius=1.0, scale=1.0)
    b = np.random.default_rng(3000 + seed).uniform(-1, 1, (UNITS, 1))
    first = InputToNode(hidden_layer_size=UNITS, input_activation=into, predefined_input_weights=Win.T.copy(),
                        predefined_bias_weights=b, **SCALES)
    second = NodeToNode(hidden_layer_size=UNITS, reservoir_activation=activation, spectral_radius=radius,
                        predefined_recurrent_weights=W.T.copy(), **{"leakage": 0.4, **node})
    return first, second


def of_blocks(first, second=None):
    dense = lambda a: a.toarray() if hasattr(a, "toarray") else np.asarray(a)
    found = {"Win": dense(first.input_weights), "bias": dense(first.bias_weights)}
    found |= {name: getattr(first, name) for name in SCALES}
    if second is not None:
        found |= {"W": dense(second.recurrent_weights), "spectral_radius": second.spectral_radius,
                  "leakage": second.leakage}
    return found


def weights_of(model):
    """The readout as PyRCN keeps it: a row per feature, the intercept last."""
    if model._use_torch:
        return model._torch_readout.output_weights.numpy()
    return model.regressor._output_weights


def penalised(x, alpha, intercept=True):
    """PyRCN's penalty is on the intercept, too."""
    rows = np.hstack([x, np.ones((len(x), 1))]) if intercept else x
    return np.linalg.cond(rows.T @ rows + alpha * np.eye(rows.shape[1]))


def pyrcn_esn(seed, alpha=1e-2, inputs=1, outputs=1, intercept=True, **settings):
    from pyrcn.echo_state_network import ESNRegressor
    from pyrcn.linear_model import IncrementalRegression

    first, second = blocks(seed, inputs, **settings)
    model = ESNRegressor(input_to_node=first, node_to_node=second, verbose=False,
                         regressor=IncrementalRegression(alpha=alpha, fit_intercept=intercept))
    u = series(seed, inputs)
    t = target(u, outputs)
    model.fit(u, t)
    x = model.hidden_layer_state(u)
    return {"u": u, "t": t, "x": x, "y": model.predict(u), "alpha": alpha, "Wout": weights_of(model),
            **of_blocks(first, second), "condition": penalised(x, alpha, intercept)}


@network("pyrcn")
def esn():
    return pyrcn_esn(70)


@network("pyrcn")
def esn_many():
    return pyrcn_esn(71, inputs=3, outputs=2, leakage=1.0)


@network("pyrcn")
def esn_identity_input():
    return pyrcn_esn(72, into="identity")


@network("pyrcn")
def esn_relu_input():
    return pyrcn_esn(73, into="relu")


@network("pyrcn")
def esn_bounded_relu():
    return pyrcn_esn(74, activation="bounded_relu", into="identity", radius=1.3)


@network("pyrcn")
def esn_logistic():
    return pyrcn_esn(75, activation="logistic")


@network("pyrcn")
def esn_without_intercept():
    return pyrcn_esn(76, intercept=False)


@network("pyrcn")
def esn_sklearn_ridge():
    """A regressor of scikit-learn: its Ridge takes the means off, its intercept is not penalised."""
    from pyrcn.echo_state_network import ESNRegressor
    from sklearn.linear_model import Ridge

    first, second = blocks(77)
    model = ESNRegressor(input_to_node=first, node_to_node=second, regressor=Ridge(alpha=0.1), verbose=False)
    u = series(77)
    t = target(u)
    model.fit(u, t)
    x = model.hidden_layer_state(u)
    return {"u": u, "t": t, "x": x, "y": model.predict(u).reshape(STEPS, 1), "alpha": 0.1, **of_blocks(first, second),
            "Wout": model.regressor.coef_.reshape(1, -1), "Wout_bias": model.regressor.intercept_.reshape(-1),
            "condition": condition(x, 0.1)}


@network("pyrcn")
def esn_drawn_by_recipe():
    """Sparse weights from PyRCN's own initialisers."""
    from pyrcn.base.blocks import InputToNode, NodeToNode
    from pyrcn.echo_state_network import ESNRegressor
    from pyrcn.linear_model import IncrementalRegression

    first = InputToNode(hidden_layer_size=40, input_activation="identity", k_in=1, random_state=1, **SCALES)
    second = NodeToNode(hidden_layer_size=40, k_rec=5, spectral_radius=0.8, leakage=0.3, random_state=2)
    model = ESNRegressor(input_to_node=first, node_to_node=second, verbose=False,
                         regressor=IncrementalRegression(alpha=0.1))
    u = series(78, 2, 100)
    t = target(u)
    model.fit(u, t)
    x = model.hidden_layer_state(u)
    return {"u": u, "t": t, "x": x, "y": model.predict(u), "alpha": 0.1, "Wout": weights_of(model),
            **of_blocks(first, second), "condition": penalised(x, 0.1)}


def pieces(array):
    """PyRCN's list of sequences: an array of arrays."""
    cut = np.empty(len(UNEQUAL), dtype=object)
    for k, (start, stop) in enumerate(UNEQUAL):
        cut[k] = array[start:stop]
    return cut


@network("pyrcn")
def esn_sequences():
    """Sequences of unequal length: each from rest, washout cut off each, when fitting and when predicting."""
    from pyrcn.echo_state_network import ESNRegressor
    from pyrcn.linear_model import IncrementalRegression

    first, second = blocks(79)
    model = ESNRegressor(input_to_node=first, node_to_node=second, washout=5, verbose=False,
                         regressor=IncrementalRegression(alpha=1e-2))
    u = series(79)
    t = target(u)
    model.fit(pieces(u), pieces(t))
    x = list(model.hidden_layer_state(pieces(u)))
    y = np.hstack(list(model.predict(pieces(u)))).reshape(-1, 1)
    return {"u": u, "t": t, "x": np.vstack(x), "y": y, "washout": 5, "alpha": 1e-2, "Wout": weights_of(model),
            **of_blocks(first, second), "condition": penalised(np.vstack([part[5:] for part in x]), 1e-2)}


@network("pyrcn")
def esn_partial_fit():
    """Two calls of `partial_fit`: as one ridge regression over both, each from rest."""
    from pyrcn.echo_state_network import ESNRegressor
    from pyrcn.linear_model import IncrementalRegression

    first, second = blocks(80)
    model = ESNRegressor(input_to_node=first, node_to_node=second, verbose=False,
                         regressor=IncrementalRegression(alpha=1e-2))
    u = series(80)
    t = target(u)
    first.fit(u)
    second.fit(first.transform(u))
    model.requires_sequence = False
    model.partial_fit(u[:30], t[:30])
    model.partial_fit(u[30:], t[30:])
    x = np.vstack([second.transform(first.transform(part)) for part in (u[:30], u[30:])])
    return {"u": u, "t": t, "x": x, "alpha": 1e-2, "Wout": weights_of(model), **of_blocks(first, second),
            "condition": penalised(x, 1e-2)}


@network("pyrcn")
def esn_classifier():
    """A label per sequence: ridge on the label at every step, then the sum of the outputs over the steps."""
    from pyrcn.echo_state_network import ESNClassifier
    from pyrcn.linear_model import IncrementalRegression

    first, second = blocks(81)
    model = ESNClassifier(input_to_node=first, node_to_node=second, regressor=IncrementalRegression(alpha=1e-2))
    lengths = [12, 15, 9, 14, 11, 13]
    labels = np.array([0, 1, 2, 0, 1, 2])
    sequences, marks = np.empty(6, dtype=object), np.empty(6, dtype=object)
    for k, (steps, label) in enumerate(zip(lengths, labels)):
        sequences[k] = series(100 + k, 1, steps) * (1 + label)
        marks[k] = np.atleast_1d(label)
    model.fit(sequences, marks)
    x = list(model.hidden_layer_state(sequences))
    return {"u": np.vstack(list(sequences)), "lengths": lengths, "labels": labels, "x": np.vstack(x), "alpha": 1e-2,
            "scores": np.vstack(list(model.predict_proba(sequences))), "Wout": weights_of(model),
            "predicted": np.hstack(list(model.predict(sequences))), **of_blocks(first, second),
            "condition": penalised(np.vstack(x), 1e-2)}


@network("pyrcn")
def elm():
    """No recurrence: a random layer and a ridge."""
    from pyrcn.extreme_learning_machine import ELMRegressor
    from pyrcn.linear_model import IncrementalRegression

    first, _ = blocks(82, 2)
    model = ELMRegressor(input_to_node=first, regressor=IncrementalRegression(alpha=1e-2), verbose=False)
    u = series(82, 2)
    t = target(u)
    model.fit(u, t)
    x = first.transform(u)
    return {"u": u, "t": t, "x": x, "y": model.predict(u).reshape(STEPS, -1), "alpha": 1e-2, **of_blocks(first),
            "Wout": weights_of(model).reshape(-1, 1), "condition": penalised(x, 1e-2)}


@network("pyrcn")
def bidirectional():
    first, second = blocks(83, bidirectional=True)
    u = series(83, steps=40)
    x = second.fit_transform(first.fit_transform(u))
    return {"u": u, "x": x, **of_blocks(first, second)}


@network("pyrcn")
def euler():
    from pyrcn.base.blocks import EulerNodeToNode

    first, _ = blocks(84)
    second = EulerNodeToNode(hidden_layer_size=UNITS, recurrent_scaling=0.5, gamma=0.01, epsilon=0.1, random_state=3)
    u = series(84, steps=40)
    return {"u": u, "x": second.fit_transform(first.fit_transform(u)), **of_blocks(first, second)}
