"""The container image of the three processes."""
