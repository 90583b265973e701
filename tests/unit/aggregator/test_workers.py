"""What each of several aggregators is started with."""

import pytest

from aggregator.workers import workers_of
from cityvitals.errors import SettingsError
from cityvitals.settings import AggregatorSettings


def test_each_worker_has_a_name() -> None:
    names = [one.name for one in workers_of(AggregatorSettings(), 3)]
    assert names == ["aggregate-0", "aggregate-1", "aggregate-2"]


def test_ports_that_are_none_are_refused() -> None:
    with pytest.raises(SettingsError, match="ports up to 65540"):
        workers_of(AggregatorSettings(health_port=65530), 2)
