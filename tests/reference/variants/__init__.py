"""Reference cases of our own: other numbers, pollutants and averages of the standards that
`reference_cases.json` names, calculated by plain Python from the standards' tables.

The tables here were typed from the reference once more and share nothing with `kpi_rules`: what both
say must agree. Concentrations are decimals in text, so that arithmetic can be exact.
"""
