import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from ingest.delay import _SECONDS, Delays


@given(st.lists(st.lists(st.integers(-(10**7), 10**12), max_size=20), max_size=4))
def test_it_counts_as_the_librarys_histogram_does(batches: list[list[int]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    delays = Delays()
    ours.register(delays)
    twin = Histogram("cityvitals_ingest_delay_seconds", "twin", buckets=_SECONDS, registry=theirs)
    for batch in batches:
        delays.observe(np.array(batch, np.int64))
        for one in batch:
            twin.observe(max(one, 0) / 1e6)
    for edge in (*map(str, _SECONDS), "+Inf"):
        name = "cityvitals_ingest_delay_seconds_bucket"
        assert ours.get_sample_value(name, {"le": edge}) == theirs.get_sample_value(
            name, {"le": edge}
        )
    name = "cityvitals_ingest_delay_seconds_count"
    assert ours.get_sample_value(name) == theirs.get_sample_value(name)
