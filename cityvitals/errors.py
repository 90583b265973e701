"""Errors, split by what the caller should do. Each class's docstring says when it is raised."""


class CityVitalsError(Exception):
    """Root of all errors that CityVitals raises itself."""


class SettingsError(CityVitalsError):
    """A setting, file or argument is wrong: tell the user which, and stop."""


class StoreUnavailable(CityVitalsError):
    """The database cannot be reached or is restarting: wait and try again."""


class StoreTimeout(StoreUnavailable):
    """The database ended a query that took too long: try again, ask for less, or allow more."""


class StoreConflict(CityVitalsError):
    """Another transaction got in the way (unique key, deadlock): do the transaction again."""


class SealRisen(CityVitalsError):
    """A batch holds readings before a seal that was raised since it was screened: screen again."""


class NoPartition(StoreConflict):
    """A partition that was there is gone: make it again, and do the transaction again."""


class Fenced(CityVitalsError):
    """Another process owns this lane or shard now: stop writing, start again from the store."""


class UnfitServer(CityVitalsError):
    """The database server cannot keep our promises as it is configured: tell the operator."""


class MalformedPayload(CityVitalsError):
    """Bytes that a gateway sent cannot be taken.

    Attributes:
        reason: a code of `cityvitals.domain.outcome.Reason`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class BadTopic(CityVitalsError):
    """A topic does not follow the grammar of `cityvitals.wire.topic`."""


class BadCatalogue(CityVitalsError):
    """The catalogue of quantities and units contradicts itself: names file, entry and key."""


class BadRule(CityVitalsError):
    """A rule file cannot be loaded: names file, rule, key, and what was expected."""


class BadTrial(CityVitalsError):
    """A rule cannot be tried on a file: names file, line and column, or what is lacking."""


class BadRegistry(CityVitalsError):
    """A registry file cannot be applied: names file, entry and key, and what was expected."""


class NotFound(CityVitalsError):
    """What was asked for does not exist."""


class CannotExplain(CityVitalsError):
    """How an indicator came about cannot be told: names what is in the way."""
