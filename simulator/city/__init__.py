"""Seeded cities: what a city's file says, and the courses of its values."""
