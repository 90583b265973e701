"""Scorecards: a standard's KPIs as a tree of data points, what a city says of them, and points."""
