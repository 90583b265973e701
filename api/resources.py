"""All documented routes but the live stream, each from its own file."""

from api.alerts_route import AlertsRoute
from api.audit_route import AuditRoute
from api.database import Database
from api.endpoint import Endpoint
from api.explain_route import ExplainRoute
from api.facts_route import FactsRoute
from api.indicators_route import IndicatorsRoute
from api.latest import LatestCache
from api.ledger_route import LedgerRoute
from api.letters_route import LettersRoute
from api.places_route import PlacesRoute
from api.readings_route import ReadingsRoute
from api.rulebook import RuleBook
from api.rules_route import RulesRoute
from api.scores_route import ScoresRoute
from api.sensors_route import SensorsRoute
from api.series_route import SeriesRoute
from api.stored_route import StoredRoutes
from api.targets_route import TargetsRoute
from cityvitals.catalogue.load import load_catalogue
from cityvitals.settings import Settings
from kpi_rules.scorecard.load import load_scorecard


def resources(
    settings: Settings, database: Database, rules: RuleBook, latest: LatestCache
) -> list[Endpoint]:
    """The routes in the order in which they are documented."""
    catalogue, most = load_catalogue(), settings.api.history_limit
    card = load_scorecard()
    parts = (
        PlacesRoute(database),
        SensorsRoute(database, catalogue),
        SeriesRoute(database, catalogue, most),
        ReadingsRoute(database, catalogue),
        StoredRoutes(database, most),
        IndicatorsRoute(database, rules, latest, most),
        ExplainRoute(database, rules),
        AlertsRoute(database, settings.api.body_bytes),
        RulesRoute(database),
        FactsRoute(database, settings.api.body_bytes, settings.aggregator.rules),
        TargetsRoute(database, settings.api.body_bytes, card),
        ScoresRoute(database, card),
        LedgerRoute(database),
        LettersRoute(database),
        AuditRoute(database),
    )
    return [endpoint for part in parts for endpoint in part.endpoints()]
