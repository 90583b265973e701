"""Alerts: which of the indicators that are final call for one. A function of what is committed."""
