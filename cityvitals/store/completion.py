"""Completing what is declared of a series from its quantity's defaults: pure."""

from dataclasses import dataclass

from cityvitals.catalogue.gases import EXPECTED, conversion_at, parse_reference, refusal
from cityvitals.catalogue.load import Catalogue, Quantity
from cityvitals.domain.names import INTERVALS, Kind, Stamp
from cityvitals.domain.outcome import Reason
from cityvitals.domain.series import Declaration
from cityvitals.errors import MalformedPayload


@dataclass(frozen=True, slots=True)
class Stated:
    """What was said of a series; None and "" are left to its quantity."""

    quantity: str
    kind: Kind
    period_s: float | None = None
    stamp: Stamp | None = None
    reporting_s: float | None = None
    unit: str = ""
    reference_state: str = ""
    modulus: float | None = None


def complete(stated: Stated, catalogue: Catalogue) -> Declaration:
    """The whole declaration.

    Raises:
        MalformedPayload: the quantity is unknown, the reference state is none, the unit does not
            fit, a period is missing, or the kind does not go with the quantity or a modulus.
    """
    known = catalogue.quantities.get(stated.quantity)
    if known is None:
        raise MalformedPayload(
            Reason.UNKNOWN_QUANTITY, f"quantity {stated.quantity!a} is not known"
        )
    _check_unit(stated, catalogue)
    _check_kind(stated, known)
    period_s = _period(stated, known)
    return Declaration(
        stated.kind,
        period_s,
        known.stamp if stated.stamp is None else stated.stamp,
        stated.reporting_s or period_s or known.reporting_s,
        stated.unit or known.unit,
        stated.reference_state,
        modulus=_modulus(stated, known, catalogue),
    )


def default_declaration(catalogue: Catalogue, quantity: str) -> Declaration:
    """What a series declares until somebody says otherwise; unit "" is the canonical one.

    Raises:
        KeyError: the catalogue does not have the quantity.
    """
    known = catalogue.quantities[quantity]
    return Declaration(known.kind, known.period_s, known.stamp, known.reporting_s)


def _check_unit(stated: Stated, catalogue: Catalogue) -> None:
    state = stated.reference_state
    if state and parse_reference(state) is None:
        raise MalformedPayload(
            Reason.UNKNOWN_SCHEMA, f"key 'reference_state': expected {EXPECTED}, got {state[:64]!a}"
        )
    if stated.unit and conversion_at(catalogue, stated.quantity, stated.unit, state) is None:
        raise MalformedPayload(Reason.BAD_UNIT, refusal(catalogue, stated.quantity, stated.unit))


def _period(stated: Stated, known: Quantity) -> float:
    """The length of an interval: as said, else the quantity's if it is of the same kind."""
    if stated.kind not in INTERVALS:
        return 0.0
    period_s = stated.period_s or (known.period_s if known.kind == stated.kind else 0.0)
    if not period_s:
        kind = stated.kind.name.lower()
        raise MalformedPayload(
            Reason.UNKNOWN_SCHEMA, f"{stated.quantity} is declared {kind} without 'period_s'"
        )
    return period_s


def _check_kind(stated: Stated, known: Quantity) -> None:
    """Levels are no amounts: nothing of them can be counted up."""
    amounts = {Kind.INTERVAL_TOTAL, Kind.COUNTER, Kind.EVENT, Kind.STATE}
    if known.is_level and stated.kind in amounts:
        kind = stated.kind.name.lower()
        raise MalformedPayload(
            Reason.UNKNOWN_SCHEMA,
            f"{stated.quantity} is a level in dB: it can be a gauge or interval_mean, not {kind}",
        )
    if stated.modulus is not None and stated.kind != Kind.COUNTER:
        raise MalformedPayload(
            Reason.UNKNOWN_SCHEMA, f"{stated.quantity} has 'modulus', which only a counter can have"
        )


def _modulus(stated: Stated, known: Quantity, catalogue: Catalogue) -> float:
    """Where a counter begins anew, in the quantity's own unit; 0 where it never does."""
    if not stated.modulus:
        return 0.0
    unit = stated.unit or known.unit
    found = conversion_at(catalogue, stated.quantity, unit, stated.reference_state)
    return stated.modulus if found is None else stated.modulus * found.scale
