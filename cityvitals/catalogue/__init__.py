"""Quantities and units, as data."""
