"""What the registry says, as text."""

from cityvitals.domain.series import Declaration
from cityvitals.domain.times import EARLIEST_US, iso
from tests.integration.exact.cast import STATIONS


def table(kind: str, /, **entries: object) -> str:
    """An entry of a registry file; values as TOML has them."""
    lines = [f"{key} = {value}" for key, value in entries.items() if value != '""']
    return f"\n[[{kind}]]\n" + "\n".join(lines) + "\n"


def series_entry(name: str, declared: Declaration, since_us: int | None) -> str:
    """A station in the registry's words; "" where it would not be taken."""
    entries: dict[str, object] = {
        "sensor": f'"{name}"',
        "quantity": f'"{STATIONS[name].quantity}"',
        "kind": f'"{declared.kind.name.lower()}"',
        "modulus": declared.modulus or '""',
    }
    if declared.period_s:
        entries |= {"period_s": declared.period_s, "stamp": f'"{declared.stamp.name.lower()}"'}
    if declared.reporting_s:
        entries["reporting_s"] = declared.reporting_s
    if since_us is not None and since_us > EARLIEST_US:
        entries["since"] = iso(since_us)
    return table("series", **entries)
