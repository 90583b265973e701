import pytest

from cityvitals.errors import SettingsError
from cityvitals.settings import IngestSettings
from ingest.workers import environments


def test_workers_have_a_lane_and_a_port_each_and_divide_what_may_be_held() -> None:
    made = environments(IngestSettings(), 3)
    assert list(made) == ["ingest-0", "ingest-1", "ingest-2"]
    ports = [one["CITYVITALS_INGEST__HEALTH_PORT"] for one in made.values()]
    assert ports == ["9101", "9111", "9121"]
    assert {one["CITYVITALS_INGEST__RECEIVE_MAXIMUM"] for one in made.values()} == {"333"}
    assert {one["CITYVITALS_INGEST__WORKERS"] for one in made.values()} == {"1"}


def test_lanes_are_named_after_the_one_that_is_set() -> None:
    assert list(environments(IngestSettings(lane="plant"), 2)) == ["plant-0", "plant-1"]


def test_ports_that_are_none_are_refused() -> None:
    with pytest.raises(SettingsError, match="ports up to 65550"):
        environments(IngestSettings(health_port=65530), 3)


def test_more_workers_than_messages_are_refused() -> None:
    with pytest.raises(SettingsError, match="cannot be divided among 3 workers"):
        environments(IngestSettings(receive_maximum=2), 3)
