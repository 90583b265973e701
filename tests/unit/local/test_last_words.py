"""The end of a log fits on a line, and says why."""

import json

from deploy.local.last_words import last_words


def test_a_json_line_gives_event_details_and_the_error_itself() -> None:
    line = {
        "event": "gone",
        "reason": "no route",
        "level": "warning",
        "timestamp": "2026-11-23T00:00:00Z",
        "exception": "Traceback (most recent call last):\n  File x\nOSError: no route",
    }
    assert last_words(json.dumps(line).encode()) == "gone reason=no route OSError: no route"


def test_the_last_lines_count_whatever_they_are() -> None:
    assert last_words(b'cut"}\none\n\n[1]\n"two"\nthree \xff\n') == '[1] / "two" / three �'
    assert not last_words(b"")


def test_what_is_long_keeps_its_end() -> None:
    said = last_words(b"x" * 1000 + b" the reason")
    assert said.endswith(" the reason")
    assert len(said) < 310
