"""Reference cases against the shipped rules: `python -m tests.reference CASES.json`."""
