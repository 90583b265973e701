"""Recompute what is stored from readings, sharing nothing with the aggregator."""
