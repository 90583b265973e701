"""The extracts under tests/data, and what pandas reads in them: no code of the simulator's."""

from pathlib import Path
from typing import Any, Final

import pandas as pd

DATA: Final = Path(__file__).parents[2] / "data"
BEIJING: Final = DATA / "beijing" / "beijing_2016-08-30_2016-09-12.csv.gz"
FERRARA: Final = DATA / "ferrara" / "ferrara_clock_changes_2021-10_2022-03.csv.gz"
STEEL: Final = DATA / "steel" / "steel_2018-12-18_2018-12-31.csv.gz"

MEGAFIRES: Final = DATA / "megafires" / "megafires_2015-08-20_2015-08-27.csv.gz"
PRINGLE_CREEK: Final = DATA / "pringle_creek" / "pringle_creek_2019-07-01_12-09.csv.gz"
INTERSTATE_94: Final = DATA / "interstate_94" / "interstate_94_days.csv.gz"

POLLUTANTS: Final = {
    "PM2.5": "pm2_5",
    "PM10": "pm10",
    "SO2": "so2",
    "NO2": "no2",
    "CO": "co",
    "O3": "o3",
}

Readings = dict[tuple[str, str, str], dict[int, float]]
"""By (station, quantity, channel): values by microseconds since 1970 UTC."""


def beijing() -> Readings:
    table = pd.read_csv(BEIJING)
    local = pd.to_datetime(table["ts_local"])
    table["us"] = _us(local.dt.tz_localize("Asia/Shanghai"))
    return {
        (str(station), quantity, ""): _values(rows["us"], rows[column])
        for station, rows in table.groupby("station")
        for column, quantity in POLLUTANTS.items()
    }


def ferrara() -> Readings:
    table = pd.read_csv(FERRARA)
    local = pd.to_datetime(table["local_time"], format="%d/%m/%Y %H:%M")
    us = _us(local.dt.tz_localize("Europe/Rome", ambiguous="infer"))
    return {
        (f"dma{number}", "water_flow", ""): _values(us, table[f"dma{number}_lps"])
        for number in range(1, 11)
    }


def steel() -> Readings:
    table = pd.read_csv(STEEL)
    local = pd.to_datetime(table["date"], format="%d-%m-%Y %H:%M")
    local = local.where(table["NSM"] != 0, local + pd.Timedelta(days=1))
    us = _us(local.dt.tz_localize("Asia/Seoul"))
    columns = {
        "Usage_kWh": ("electricity_energy", ""),
        "Lagging_Current_Reactive.Power_kVarh": ("reactive_energy", "lagging"),
        "Leading_Current_Reactive_Power_kVarh": ("reactive_energy", "leading"),
    }
    return {("plant", *series): _values(us, table[name]) for name, series in columns.items()}


def megafires() -> Readings:
    table = pd.read_csv(MEGAFIRES)
    table["us"] = _us(pd.to_datetime(table["datetime"]))
    return {
        (str(monitor), "pm2_5", ""): _values(rows["us"], rows["pm25_ugm3"])
        for monitor, rows in table.groupby("device_deployment_id")
    }


def pringle_creek() -> Readings:
    table = pd.read_csv(PRINGLE_CREEK)
    table["us"] = _us(pd.to_datetime(table["Timestamp"]))
    columns = {
        "conductance": "conductivity",
        "dissolvedOxygen": "dissolved_oxygen",
        "pH": "ph",
        "turbidity": "turbidity",
        "chlorophyll": "chlorophyll_a",
    }
    return {
        (str(position), quantity, ""): _values(rows["us"], rows[column])
        for position, rows in table.groupby("horizontalPosition")
        for column, quantity in columns.items()
    }


def _us(moments: Any) -> Any:
    return moments.dt.tz_convert("UTC").dt.as_unit("us").astype("int64")


def _values(us: Any, values: Any) -> dict[int, float]:
    there = values.notna()
    return dict(zip(us[there].tolist(), values[there].astype(float).tolist(), strict=True))
