"""Forecasts of others on the same split: everything is chosen and fitted on the rows before the test part, past values are known.

Each peer takes a series without gaps (`held`: the value before in the place of a missing one), which rows have true values (`true`), the
first row of the test part, the season (0 for none) and the horizon, and gives a forecast for every row of the test part, made `horizon` rows
before it. Nothing but true values is learnt from or judged by.
"""

import warnings

import lightgbm
import numpy as np
from reservoirpy.nodes import Reservoir, Ridge
from sklearn.linear_model import Ridge as LinearRidge
from sklearn.preprocessing import StandardScaler
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

SEEDS = 3


def persistence(held, true, first, season, horizon):
    return held[np.arange(first, len(held)) - horizon]


def seasonal_naive(held, true, first, season, horizon):
    if season < 2:
        return None
    back = season * -(-horizon // season)
    rows = np.arange(first, len(held)) - back
    return held[rows] if rows[0] >= 0 else None


def lags_of(first, season, horizon):
    """48 lags, and with a season as many as it has and four more; no more than a third of the rows can bear."""
    wanted = max(48, season + 4)
    return max(2, min(wanted, (first - horizon) // 3))


def features(held, first, season, horizon):
    """Changes over the last rows, and the change that one season and two seasons ago came in `horizon` rows; targets are changes."""
    lags = lags_of(first, season, horizon)
    changes = np.diff(held, prepend=held[0])
    back = season * -(-horizon // season) if season > 1 else 0
    start = max(lags, 2 * back)
    if start > (first - horizon) // 2:
        start, back = lags, 0
    origins = np.arange(start, len(held) - horizon)
    columns = [changes[origins - lag] for lag in range(lags)]
    for k in (1, 2) if back else ():
        columns.append(held[origins + horizon - k * back] - held[origins])
    return origins, np.stack(columns, axis=1), held[origins + horizon] - held[origins]


def blocks(origins, true, first, horizon):
    """Which origins are learnt from, a fit before a last quarter to choose on, and those that are forecast from."""
    known = (origins + horizon < first) & true[origins + horizon]
    learnt = np.flatnonzero(known)
    cut = learnt[int(0.75 * len(learnt))]
    # A target of the first part must be known where the second begins.
    early = learnt[origins[learnt] + horizon <= origins[cut]]
    return learnt, early, learnt[learnt >= cut]


def ridge(held, true, first, season, horizon):
    origins, x, y = features(held, first, season, horizon)
    learnt, early, late = blocks(origins, true, first, horizon)
    scaler = StandardScaler().fit(x[learnt])
    x = scaler.transform(x)

    def error(penalty):
        model = LinearRidge(alpha=penalty).fit(x[early], y[early])
        return np.mean((model.predict(x[late]) - y[late]) ** 2)

    penalty = min((10.0**power for power in range(-3, 6)), key=error)
    model = LinearRidge(alpha=penalty).fit(x[learnt], y[learnt])
    asked = origins + horizon >= first
    return held[origins[asked]] + model.predict(x[asked])


def boosted_trees(held, true, first, season, horizon):
    origins, x, y = features(held, first, season, horizon)
    learnt, early, late = blocks(origins, true, first, horizon)
    found = (np.inf, None, 1)
    for leaves in (7, 31):
        settings = {"num_leaves": leaves, "learning_rate": 0.05, "min_child_samples": 5 if len(early) < 400 else 20}
        settings |= {"random_state": 0, "n_jobs": 1, "verbose": -1, "deterministic": True}
        model = lightgbm.LGBMRegressor(n_estimators=500, **settings)
        stop = lightgbm.early_stopping(30, verbose=False)
        model.fit(x[early], y[early], eval_set=[(x[late], y[late])], eval_metric="l2", callbacks=[stop])
        score = model.best_score_["valid_0"]["l2"]
        if score < found[0]:
            found = (score, settings, max(1, model.best_iteration_))
    model = lightgbm.LGBMRegressor(n_estimators=found[2], **found[1]).fit(x[learnt], y[learnt])
    asked = origins + horizon >= first
    return held[origins[asked]] + model.predict(x[asked])


def smoothing(held, true, first, season, horizon):
    """Exponential smoothing with a damped trend and, where two seasons are there, a season: fitted before the test part, filtered over it."""
    has_season = season > 1 and first >= 2 * season + 8
    settings = {"error": "add", "trend": "add", "damped_trend": True, "initialization_method": "heuristic"}
    if has_season:
        settings |= {"seasonal": "add", "seasonal_periods": season}
    model = ETSModel(held[:first], **settings)
    fitted = model.fit(disp=False, maxiter=400)
    # The start is that of the fit: heuristics would look at the test part of a short series.
    settings |= {"initialization_method": "known"}
    settings |= {"initial_level": model.initial_level, "initial_trend": model.initial_trend}
    if has_season:
        settings |= {"initial_seasonal": model.initial_seasonal}
    states = ETSModel(held, **settings).smooth(fitted.params)
    level, slope = np.asarray(states.level), np.asarray(states.slope)
    damping = dict(zip(model.param_names, fitted.params))["damping_trend"]
    ahead = np.sum(damping ** np.arange(1, horizon + 1))
    rows = np.arange(first, len(held))
    origins = rows - horizon
    forecast = level[origins] + ahead * slope[origins]
    if has_season:
        back = season * -(-horizon // season)
        forecast = forecast + np.asarray(states.season)[rows - back]
    return forecast


def reservoir(held, true, first, season, horizon):
    """ReservoirPy as its tutorial sets it up; one forecast for each seed."""
    mean, spread = held[:first].mean(), held[:first].std() or 1.0
    u = ((held - mean) / spread).reshape(-1, 1)
    washout = min(100, first // 5)
    forecasts = []
    for seed in range(SEEDS):
        states = Reservoir(200, lr=0.3, sr=0.9, seed=seed).run(u[: len(u) - horizon])
        origins = np.arange(len(states))
        learnt = origins[(origins >= washout) & (origins + horizon < first) & true[origins + horizon]]
        readout = Ridge(ridge=1e-6).fit(states[learnt], u[learnt + horizon])
        asked = origins + horizon >= first
        forecasts.append(np.asarray(readout.run(states[asked]))[:, 0] * spread + mean)
    return np.array(forecasts)


PEERS = {
    "persistence": persistence,
    "seasonal naive": seasonal_naive,
    "ridge on lags": ridge,
    "LightGBM": boosted_trees,
    "ETS": smoothing,
    "ReservoirPy": reservoir,
}


def held_of(series):
    """The value before in the place of a missing one, and which are true; the first value is there."""
    true = np.isfinite(series)
    last = np.maximum.accumulate(np.where(true, np.arange(len(series)), 0))
    return series[last], true


def nrmse(series, forecast, first):
    """RMSE over the standard deviation of the test part, of true values alone; of several forecasts the mean."""
    truth = series[first:]
    known = np.isfinite(truth)
    if known.sum() < 2 or np.std(truth[known]) == 0:
        return None
    error = np.atleast_2d(forecast)[:, known] - truth[known]
    return float(np.mean(np.sqrt(np.mean(error**2, axis=1)) / np.std(truth[known])))


def all_peers(series, first, season, horizon):
    """NRMSE by peer; of one that cannot, why."""
    held, true = held_of(series)
    scores, failed = {}, {}
    for name, peer in PEERS.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                forecast = peer(held, true, first, season, horizon)
        except Exception as error:  # a peer that fails is told, not left out in silence
            failed[name] = f"{type(error).__name__}: {error}"
            continue
        if forecast is None:
            continue
        if not np.all(np.isfinite(forecast)) or np.atleast_2d(forecast).shape[1] != len(series) - first:
            failed[name] = "no finite forecast of every row"
            continue
        scores[name] = nrmse(series, forecast, first)
    return scores, failed
