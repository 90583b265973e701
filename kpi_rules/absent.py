"""What standards have and no rule gives, each with its reason: a part of docs/catalogue.md."""

from collections.abc import Iterator, Mapping
from typing import Final

ABSENT: Final[Mapping[str, str]] = {
    "WHO's level of SO2 in ten minutes (500 ug/m3)": """
        windows are made of quarter hours, from which no ten minutes follow; a quarter hour's mean
        hides a peak of ten minutes, so none stands in for it""",
    "US EPA's ozone NowCast by partial least squares (2019)": """
        it fills gaps by R's imputeTS, which we cannot match number for number; EPA's surrogate for
        it is `air.us_aqi.o3.nowcast`, which says so""",
    "Gaps of the European index filled from CAMS": """
        no model is at hand; the index is of what is measured, as its explanation shows""",
    "The European index's first bands, of five classes (2017)": """
        PM10's were not read; those that followed are `air.eaqi_2017.background.hour`""",
    "Open-Meteo's index of Europe's air in numbers": """
        no official index: EEA publishes classes, which `air.eaqi.hour` gives""",
    "NSF's water quality index": """
        its curves are drawings: nobody has put them into numbers officially""",
    "Level of service by volume over capacity (HCM)": """
        the manual's text was not to be had; by speed it is `traffic.level_of_service.hour`""",
    "Emissions of cars and vans, and of buses other than the two that have curves": """
        their coefficients were not read, and nothing is guessed""",
    "U4SSC's own targets": """
        they are in a locked tab of the verifier's workbook: a city states its own""",
}
"""What, and why not."""


def absent() -> Iterator[str]:
    """The section's lines."""
    yield "\n## Without a rule, and why\n"
    for what, why in ABSENT.items():
        yield f"- {what}: {' '.join(why.split())}."
