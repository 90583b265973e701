"""What attributes of Smart Data Models measure: which quantity, in which unit, or why not taken.

A unit here is the model's own, for values without `unitCode`; "" leaves it to the declaration.
Names mean different things in different models (NO2 is a gas in air and nitrite in water), so each
model has its table. Traps: relative humidity and occupancy are fractions here, not per cent; fine
dust is `pm25`; older entities write gases in capitals.
"""

from typing import Final, NamedTuple


class Measure(NamedTuple):
    """What an attribute measures.

    Attributes:
        q: quantity, or "" where it is none, or one of its own.
        u: unit of the model.
        kind: what it is where it is not taken.
    """

    q: str
    u: str = ""
    kind: str = ""


_GASES: Final = ("co", "co2", "no", "no2", "nox", "o3", "so2", "nh3")
_WEATHER: Final = {
    "temperature": Measure("air_temperature", "Cel"),
    "relativeHumidity": Measure("relative_humidity", "1"),
    "pressure": Measure("air_pressure", "hPa"),
    "atmosphericPressure": Measure("air_pressure", "hPa"),
    "dewPoint": Measure("dew_point", "Cel"),
    "windSpeed": Measure("wind_speed", "m/s"),
    "windDirection": Measure("", kind="a direction"),
    "precipitation": Measure("precipitation", "mm"),
}
_AIR: Final = {
    **{spelled: Measure(gas) for gas in _GASES for spelled in (gas, gas.upper())},
    "NOx": Measure("nox"),
    "sh2": Measure("h2s"),
    "c6h6": Measure("benzene"),
    **{dust: Measure(dust) for dust in ("pm1", "pm4", "pm10", "tsp")},
    "pm25": Measure("pm2_5"),
    "volatileOrganicCompoundsTotal": Measure("voc"),
    "as": Measure("arsenic"),
    "cd": Measure("cadmium"),
    "ni": Measure("nickel"),
    "pb": Measure("lead"),
    **_WEATHER,
}
_WATER: Final = {
    "temperature": Measure("water_temperature", "Cel"),
    "pH": Measure("ph", "[pH]"),
    "conductivity": Measure("conductivity", "S/m"),
    "turbidity": Measure("turbidity"),
    "salinity": Measure("salinity", "g/kg"),
    "tss": Measure("suspended_solids", "mg/L"),
    "tds": Measure("dissolved_solids", "mg/L"),
    "O2": Measure("dissolved_oxygen", "mg/L"),
    "orp": Measure("redox_potential", "mV"),
    "NO2": Measure("nitrite", "mg/L"),
    "NO3": Measure("nitrate", "mg/L"),
    "NH3": Measure("water_ammonia", "mg/L"),
    "NH4": Measure("ammonium", "mg/L"),
    "PO4": Measure("phosphate", "mg/L"),
    "P-TOT": Measure("total_phosphorus", "mg/L"),
    "N-TOT": Measure("total_nitrogen", "mg/L"),
    "Chla": Measure("chlorophyll_a", "ug/L"),
    "bod": Measure("bod", "mg/L"),
    "cod": Measure("cod", "mg/L"),
    "escherichiaColi": Measure("e_coli", "{CFU}/100.mL"),
    "enterococci": Measure("enterococci", "{CFU}/100.mL"),
    "flow": Measure("water_flow", "m3/h"),
}
_TRAFFIC: Final = {
    "intensity": Measure("traffic_count", "{vehicle}"),
    "occupancy": Measure("occupancy", "1"),
    "averageVehicleSpeed": Measure("traffic_speed", "km/h"),
    "averageHeadwayTime": Measure("headway_time", "s"),
    "averageGapDistance": Measure("gap_distance", "m"),
    "averageVehicleLength": Measure("vehicle_length", "m"),
    "congested": Measure("", kind="a state"),
}
_COUNTERS: Final = [
    f"{total}{way}Energy{side}"
    for total, way in (
        ("total", "Active"),
        ("total", "Reactive"),
        ("total", "Apparent"),
        ("", "active"),
        ("", "reactive"),
        ("", "apparent"),
    )
    for side in ("Import", "Export")
]
_POWER: Final = {
    "activePower": Measure("electricity_power", "W"),
    "totalActivePower": Measure("electricity_power", "W"),
    "reactivePower": Measure("reactive_power", "var"),
    "totalReactivePower": Measure("reactive_power", "var"),
    "apparentPower": Measure("apparent_power", "V.A"),
    "totalApparentPower": Measure("apparent_power", "V.A"),
    "frequency": Measure("mains_frequency", "Hz"),
    "phaseVoltage": Measure("voltage", "V"),
    "phaseToPhaseVoltage": Measure("voltage", "V"),
    "current": Measure("electric_current", "A"),
    "powerFactor": Measure("power_factor", "1"),
    "totalPowerFactor": Measure("power_factor", "1"),
    "displacementPowerFactor": Measure("displacement_power_factor", "1"),
    "totalDisplacementPowerFactor": Measure("displacement_power_factor", "1"),
    "thdVoltage": Measure("voltage_distortion", "1"),
    "thdCurrent": Measure("current_distortion", "1"),
    **{name: Measure("", kind="a counter") for name in _COUNTERS},
}
_NOISE: Final = {
    "LAeq": Measure("noise_laeq", "dB"),
    "LAmax": Measure("noise_lamax", "dB"),
    "LAS": Measure("noise_las", "dB"),
    "LAeq_d": Measure("", kind="a level over a day"),
    **_WEATHER,
}

MODELS: Final = {
    "AirQualityObserved": _AIR,
    "WaterQualityObserved": _WATER,
    "TrafficFlowObserved": _TRAFFIC,
    "ACMeasurement": _POWER,
    "NoiseLevelObserved": _NOISE,
}
"""Attribute to what it measures, by entity type."""

_ABOUT: Final = """
    id type @context location address areaServed name alternateName description source seeAlso
    owner dataProvider dateCreated dateModified dateObserved dateObservedFrom dateObservedTo
    createdAt modifiedAt observedAt TimeInstant timestamp refDevice refPointOfInterest
    refRoadSegment refSensor device typeofLocation typeOfLocation airQualityIndex
    airQualityLevel reliability CO_Level measurand sonometerClass frequencies laneId
    laneDirection reversedLane vehicleType vehicleSubType phaseType dateEnergyMeteringStarted
    annotations color image operationalStatus
"""
METADATA: Final = frozenset(_ABOUT.split())
"""Attributes that say something about an observation and measure nothing themselves."""
