"""Reference cases of our own, calculated by plain Python from the standards' tables.

Other numbers, pollutants and averages of the standards that `reference_cases.json` names. Tables
here were typed from the reference once more and share nothing with `kpi_rules`: what both say must
agree. Concentrations are decimals in text, so that arithmetic can be exact.
"""
