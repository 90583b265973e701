from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.domain.names import Domain
from cityvitals.errors import BadTopic
from cityvitals.wire import topic as topics

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
DOMAINS = st.sampled_from(list(Domain))
TOPICS: Final = st.one_of(
    st.builds(topics.Obs, IDS, DOMAINS, IDS, IDS),
    st.builds(topics.Meta, IDS, DOMAINS, IDS, IDS),
    st.builds(topics.Status, IDS, DOMAINS, IDS),
    st.builds(topics.Reject, IDS, DOMAINS, IDS),
    st.builds(topics.CityMeta, IDS),
    st.builds(topics.Kpi, IDS, st.just("") | IDS, IDS),
    st.builds(topics.Alert, IDS, st.just("") | IDS, IDS),
)


@given(TOPICS)
def test_parse_undoes_format(topic: topics.Topic) -> None:
    assert topics.parse(topics.format(topic)) == topic


@given(st.text() | st.lists(st.text()).map("/".join).map("city/v1/".__add__))
def test_parse_is_total(text: str) -> None:
    try:
        topic = topics.parse(text)
    except BadTopic:
        return
    assert topics.format(topic) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("city/v2/a/meta", "does not start"),
        ("city/v1/a b/meta", "city 'a b'"),
        ("city/v1/a/kpi/g/d/obs", "domain 'kpi'"),
        ("city/v1/a/air/g/d/obs/more", "no known form"),
        ("city/v1/\u212a/meta", "plain ASCII"),
    ],
)
def test_bad_topics_say_why(text: str, why: str) -> None:
    with pytest.raises(BadTopic, match=why):
        topics.parse(text)
