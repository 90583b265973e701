"""Facts: dated figures of a city or one of its zones, and how well they are known."""

from enum import StrEnum


class Quality(StrEnum):
    """How well a figure is known: the classes of the U4SSC verification workbook, in its order."""

    MEASURED = "measured"
    """Accurately measured: counted, metered, registered."""
    SURVEYED = "surveyed"
    """Extrapolated from a survey."""
    EXTRAPOLATED = "extrapolated"
    """Extrapolated from figures of a higher level, such as a region's."""
    ESTIMATED = "estimated"
    """Estimated on assumptions."""
    PERSONAL = "personal"
    """Somebody's own estimate."""
    UNKNOWN = "unknown"
    """Unknown, or not traceable."""


POPULATION = "population"
"""The fact that zones are weighted by, in POPULATION_UNIT."""
POPULATION_UNIT = "{inhabitant}"
