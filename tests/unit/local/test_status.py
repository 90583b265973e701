"""What the status line says, and where it is written."""

import io

from deploy.local.console import Console
from deploy.local.status import Figures, status_line

BEFORE = Figures(at=10.0, readings={"stored": 1000.0, "duplicate": 10.0}, changes=100.0)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rates_totals_and_lag() -> None:
    now = Figures(12.0, {"stored": 3000.0, "duplicate": 30.0}, changes=140.0, lag=7.0)
    assert status_line(BEFORE, now, 0) == (
        "1,010 readings/s (3,000 stored) · 20 indicators/s (140) · lag 7 · errors 0"
    )


def test_errors_name_their_causes_and_ailing_processes_their_reasons() -> None:
    now = Figures(11.0, {"rejected": 3.0}, ailing={"api": "database: away"})
    line = status_line(BEFORE, now, 2)
    assert "errors 5 (3 readings rejected, 2 restarts)" in line
    assert line.endswith("api: database: away")


def test_a_restarted_process_gives_no_negative_rate() -> None:
    assert status_line(BEFORE, Figures(11.0), 1).startswith("0 readings/s (0 stored)")


def test_on_a_terminal_the_status_stays_below_what_is_said() -> None:
    stream = Terminal()
    console = Console(stream)
    console.show("status")
    console.say("line")
    console.close()
    assert stream.getvalue() == "\r\x1b[2Kstatus\r\x1b[2Kline\nstatus\n"


def test_elsewhere_every_status_is_a_line() -> None:
    stream = io.StringIO()
    console = Console(stream)
    console.show("status")
    console.say("line")
    console.close()
    assert stream.getvalue() == "status\nline\n"
