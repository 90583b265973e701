"""CityVitals: live, provable environmental indicators from what a city's sensors say."""

__version__ = "0.1.0"
