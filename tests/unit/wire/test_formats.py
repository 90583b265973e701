"""What holds for every payload format, found as the dispatcher finds them."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityvitals.catalogue.load import load_catalogue
from cityvitals.domain.times import to_us
from cityvitals.wire import cbor, formats, json_text, payload
from cityvitals.wire.format import Format
from cityvitals.wire.pack import Pack, Reading
from tests.unit.wire.messages import check_total, readings_of
from tests.unit.wire.mutations import Mutator

FORMATS = sorted(payload.FORMATS.values(), key=lambda one: one.name)
MUTATIONS = 2_500
EACH = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
FULL = 65_536
FIRST_MS, LAST_MS = (to_us(datetime(year, 1, 1, tzinfo=UTC)) // 1000 for year in (1980, 2100))


def test_every_file_of_the_folder_is_a_format_by_its_name() -> None:
    folder = Path(formats.__path__[0])
    files = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    assert {form.name for form in FORMATS} == files
    assert set(payload.FORMATS) == files >= {"own_json", "senml_cbor", "ngsi_ld"}


@EACH
def test_samples_are_expressed_and_found_by_their_shape(form: Format) -> None:
    written = form.encode(form.samples)
    for decode in (payload.decode, form.decode):
        pack = decode(written)
        assert readings_of(pack) == list(form.samples)
        assert pack.bad == [] and pack.relative == []


@EACH
def test_only_one_format_claims_a_message(form: Format) -> None:
    message = form.parse(form.encode(form.samples))
    kin = [other for other in FORMATS if other.parse is form.parse]
    assert [other.name for other in kin if other.claims(message)] == [form.name]


@EACH
def test_samples_are_of_quantities_and_units_of_the_catalogue(form: Format) -> None:
    catalogue = load_catalogue()
    for reading in form.samples:
        unit = reading.u or catalogue.quantities[reading.q].unit
        assert catalogue.conversion(reading.q, unit) is not None


@EACH
@given(data=st.data())
def test_decode_undoes_encode(form: Format, data: st.DataObject) -> None:
    """For any numbers, and any times that every format can tell: whole ms, 1980 to 2100."""
    samples = data.draw(st.lists(st.sampled_from(form.samples), min_size=1, max_size=8))
    samples.sort(key=lambda sample: sample.device)  # ThingsBoard's devices stand together
    readings = [
        sample._replace(
            t_us=1000 * data.draw(st.integers(FIRST_MS, LAST_MS)),
            v=data.draw(st.floats(allow_nan=False, allow_infinity=False)),
        )
        for sample in samples
    ]
    assert readings_of(payload.decode(form.encode(readings))) == readings


@given(st.lists(st.integers(FIRST_MS * 1000, LAST_MS * 1000), min_size=1))
def test_senml_keeps_microseconds(times: list[int]) -> None:
    readings = [Reading(t, "no2", 1.0) for t in times]
    for name in ("senml_json", "senml_cbor"):
        assert payload.decode(payload.FORMATS[name].encode(readings)).t_us == times


@EACH
def test_mutated_messages_give_a_pack_or_malformed(
    form: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not one of them raises anything else, and enough of them get as far as single fields."""
    mutate = Mutator(form, FORMATS, seed=form.name)
    reached, slowest = 0, 0.0
    for _ in range(MUTATIONS):
        mutated = mutate()
        begin = thread_time()
        check_total(payload.decode, mutated)
        slowest = max(slowest, thread_time() - begin)
        # By the format itself: the dispatcher's last resort looks at fields of what nobody claims.
        pack = check_total(form.decode, mutated)
        reached += pack is not None and bool(pack.index or pack.bad)
    share = reached / MUTATIONS
    with capsys.disabled():
        sys.stdout.write(
            f"\n{form.name}: {share:.0%} of {MUTATIONS} reach fields, slowest {slowest:.4f} s\n"
        )
    assert share >= 0.3
    assert slowest < 0.1


def _repeated(begin: str, part: str, end: str) -> bytes:
    return (
        begin + ",".join([part] * ((FULL - len(begin + end)) // (len(part) + 1))) + end
    ).encode()


def _keys(begin: str, end: str) -> bytes:
    keys = ",".join(f'"k{number}":{number}' for number in range(4_500))
    return f"{begin}{keys}{end}".encode()[:FULL]


HOSTILE: dict[str, bytes] = {
    "arrays": b"[" * FULL,
    "objects": b'{"a":' * (FULL // 5),
    "closed arrays": b"[" * (FULL // 2) + b"]" * (FULL // 2),
    "deep in an entry": b'[{"n":' + b"[" * (FULL // 2 - 20) + b"]" * (FULL // 2 - 20) + b"}]",
    "digits": b'[{"n":"a","v":' + b"9" * (FULL - 20) + b"}]",
    "fraction": b'[{"n":"a","v":0.' + b"9" * (FULL - 20) + b"}]",
    "exponent": b'[{"n":"a","v":1e' + b"9" * (FULL - 20) + b"}]",
    "big whole numbers": _repeated("[", '{"n":"a","v":1,"t":' + "9" * 4000 + "}", "]"),
    "big times": _repeated("[", '{"t":' + "9" * 4000 + ',"q":"a","v":"1"}', "]"),
    "many keys": _keys("{", "}"),
    "many values": _keys('{"ts":1,"values":{', "}}"),
    "many attributes": _keys('{"id":"a","type":"AirQualityObserved",', "}"),
    "many entities": _repeated("[", '{"id":"","type":"AirQualityObserved","no":1}', "]"),
    "many unknown entities": _repeated("[", '{"id":"","type":""}', "]"),
    "many records": _repeated("[", '{"n":"a","v":1}', "]"),
    "many bad records": _repeated("[", '{"n":""}', "]"),
    "many empty records": _repeated('[{"bn":"a"},', "{}", "]"),
    "many numbers": _repeated('[{"n":"a"},', "1", "]"),
    "many devices": _repeated(
        "{" + ",".join(f'"d{n}":[{{"values":{{"a":1}}}}]' for n in range(2000)) + ',"x":[',
        "{}", "]}"),
    "a long name": b'[{"n":"' + b"/" * (FULL - 20) + b'","v":1}]',
    "many pieces": _repeated("[", '{"n":"' + ":" * 199 + 'a","v":1}', "]"),
    "escapes": b'[{"n":"' + b"\\ud800" * 10_000 + b'","v":1}]',
    "a long type": b'{"id":"a","type":"' + b"/" * (FULL - 40) + b'","no":1}',
    "a long date": b'{"id":"a","type":"AirQualityObserved","no":1,"dateObserved":"' + b"/" * 65_000
    + b'"}',
    "CBOR arrays": b"\x81" * FULL,
    "CBOR open arrays": b"\x9f" * FULL,
    "CBOR maps": b"\xa1\x00" * (FULL // 2),
    "CBOR tags": b"\xc1" * FULL,
    "CBOR small numbers": b"\x9f" + b"\x00" * (FULL - 2) + b"\xff",
    "CBOR empty arrays": b"\x9f" + b"\x80" * (FULL - 2) + b"\xff",
    "CBOR empty texts": b"\x9f" + b"\x60" * (FULL - 2) + b"\xff",
    "CBOR chunks": b"\x9f" + b"\x7f\xff" * ((FULL - 2) // 2) + b"\xff",
    "CBOR chunked": b"\x9f\x7f" + b"\x60" * (FULL - 4) + b"\xff\xff",
    "CBOR huge length": b"\x9b" + b"\x7f" * 8 + b"\x00" * 60_000,
    "CBOR records": b"\x9f" + b"\xa2\x00\x61\x61\x02\x01" * (FULL // 6 - 1) + b"\xff",
    "CBOR bad records": b"\x9f\xa1\x00\x61\x61" + b"\xa1\x00\x00" * (FULL // 3 - 4) + b"\xff",
    "CBOR fractions": b"\x9f" + b"\xc4\x82\x00\x01" * (FULL // 4 - 1) + b"\xff",
    "CBOR keys": b"\x81\xb9\x3f\xff" + b"".join(
        b"\x19" + number.to_bytes(2, "big") + b"\x00" for number in range(0x3FFF)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_message_of_full_size_is_costly(name: str) -> None:
    """A tenth of a second of this thread's own time at the very most: the best of six."""
    given = HOSTILE[name]
    assert len(given) <= FULL
    costs = []
    for _ in range(6):  # who shares the core's caches is no matter of ours
        begin = thread_time()
        check_total(payload.decode, given)
        costs.append(thread_time() - begin)
    assert min(costs) < 0.1


@pytest.mark.parametrize(
    "given", [b"", b"5", b'"a"', b"{}", b"nul", b"\xff", b"\x80", b"{", b'{"a":[1]}', b"[{}]"]
)
def test_what_nobody_claims_is_malformed_or_one_bad_reading(given: bytes) -> None:
    pack = check_total(payload.decode, given)
    assert pack is None or pack.index == []


def test_an_empty_array_is_a_message_without_readings() -> None:
    assert payload.decode(b"[]") == Pack()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_behind_a_byte_order_mark_is_not_taken_for_cbor(encoding: str) -> None:
    written = json.dumps([{"t": 1, "q": "no2", "v": 2}]).encode(encoding)
    assert readings_of(payload.decode(written)) == [Reading(1_000_000, "no2", 2.0)]


def test_formats_are_of_two_notations() -> None:
    notations: list[Any] = [json_text.parse, cbor.parse]
    assert all(form.parse in notations for form in FORMATS)


def test_a_reading_of_own_json_among_others_rejects_the_others() -> None:
    mixed: list[Any] = [{"t": 1, "q": "no2", "v": 1}, {"n": "no2", "v": 1}]
    pack = payload.decode(json.dumps(mixed).encode())
    assert pack.q == ["no2"] and [bad.index for bad in pack.bad] == [1]
