from cityvitals.store.newcomers import Quotas, Room


def test_each_limit_is_named_and_nothing_is_taken_beyond_it() -> None:
    room = Room(Quotas(series=2, gateways=1, cities=1))
    assert room.take(("town", ""), 0) == ""
    assert room.take(("town", "gw"), 1) == ""
    assert room.take(("town", "gw"), 2) == (
        "gateway gw of city town cannot register: gateway gw may have 2 new sensors and series "
        "within an hour: ingest.new_series_per_hour"
    )
    assert room.take(("town", "gw"), 1) == ""
    assert room.take(("town", "other"), 0) == (
        "gateway other of city town cannot register: city town may have 1 new gateways within an "
        "hour: ingest.new_gateways_per_hour"
    )
    assert room.take(("other", ""), 0) == (
        "city other cannot register: all cities may have 1 new cities within an hour: "
        "ingest.new_cities_per_hour"
    )


def test_what_is_known_needs_room_for_its_series_alone() -> None:
    room = Room(
        Quotas(series=1, gateways=0, cities=0),
        cities=9,
        gateways={"town": 9},
        known_cities={"town"},
        known_gateways={("town", "gw")},
    )
    assert room.take(("town", "gw"), 1) == ""
    assert "new_series_per_hour" in room.take(("town", "gw"), 1)
    assert "new_gateways_per_hour" in room.take(("town", "new"), 0)
