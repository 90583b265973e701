"""What a load's samples say: flat or not, where the knee is, and the page that shows them."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cityvitals.errors import SettingsError
from simulator.check.client import ApiAway
from simulator.load.generator import Progress
from simulator.load.judge import Step, holds, knee, lag_at_end, stolen, trends
from simulator.load.meter import Process, called, stolen_s, taken_by
from simulator.load.page import figure, page, ramp_page
from simulator.load.plots import Line, plot, thinned, ticks
from simulator.load.ramp import Ramp, climb, read_ramp, verdict
from simulator.load.recorder import Recorder, Sample


def sample(
    second: int,
    *,
    p99: float = 20.0,
    lag: int | None = 500,
    underived: int | None = 700,
    memory: float = 80.0,
) -> Sample:
    return Sample(
        at_s=float(second),
        readings=second * 1000,
        readings_per_s=1000.0,
        bytes_per_s=9e4,
        outstanding=7,
        ack_ms=(p99 / 4, p99 / 2, p99),
        late_ms=1.0,
        lag=lag,
        underived=underived,
        cpu={"load": 0.2},
        memory_mb={"load": memory},
    )


class TestStolen:
    def test_a_machine_that_others_use_is_told(self) -> None:
        samples = [replace(sample(n), stolen=0.0 if n < 20 else 0.8) for n in range(60)]
        assert stolen(samples) == "other machines had 0.00 of a core at first, 0.80 at last"
        assert stolen([sample(n) for n in range(60)]) == ""

    def test_it_is_read_where_the_system_tells(self, tmp_path: Path) -> None:
        file = tmp_path / "stat"
        assert stolen_s(file) is None
        file.write_text("cpu  7352144 420582 683624 3799091 20478 0 59092 154503 0 0\ncpu0 1 2\n")
        assert stolen_s(file) == 154503 / os.sysconf("SC_CLK_TCK")
        file.write_text("cpu  1 2 3\n")
        assert stolen_s(file) is None


class TestTrends:
    def test_what_stays_is_flat(self) -> None:
        found = trends([sample(second) for second in range(60)])
        assert [one.name for one in found] == [
            "acknowledged after, p99",
            "lag of the ledger",
            "lag of the aggregator",
            "memory of load",
        ]
        assert all(one.is_flat and one.per_hour == 0.0 for one in found)

    @pytest.mark.parametrize(
        ("key", "growth", "what"),
        [
            ("p99", 3.0, "acknowledged after, p99"),
            ("lag", 100, "lag of the ledger"),
            ("underived", 100, "lag of the aggregator"),
            ("memory", 2.0, "memory of load"),
        ],
    )
    def test_what_grows_is_named_and_it_alone(self, key: str, growth: float, what: str) -> None:
        begin = {"p99": 20.0, "lag": 500, "underived": 700, "memory": 80.0}[key]
        grown = [sample(second, **{key: begin + growth * second}) for second in range(60)]  # type: ignore[arg-type]
        (wrong,) = (one for one in trends(grown) if not one.is_flat)
        assert wrong.name == what and wrong.per_hour == pytest.approx(growth * 3600)
        assert str(wrong).endswith(f"{growth * 3600:+,.1f} {wrong.unit} an hour: NOT FLAT")

    def test_one_bad_second_is_no_trend_and_few_seconds_are_none(self) -> None:
        samples = [sample(second, p99=20.0 if second != 50 else 9000.0) for second in range(60)]
        assert all(one.is_flat for one in trends(samples))
        assert trends(samples[:8]) == []

    def test_a_service_that_is_not_asked_has_no_lag(self) -> None:
        found = trends([sample(second, lag=None, underived=None) for second in range(60)])
        assert not [one for one in found if "lag" in one.name]


class TestRamp:
    def test_rates_rise_by_the_factor_to_the_last(self) -> None:
        assert list(read_ramp("1000:2000").rates()) == [1000, 1250, 1562.5, 1953.125, 2000]
        assert list(read_ramp("10:80:2").rates()) == [10, 20, 40, 80]

    @pytest.mark.parametrize(
        "text", ["1000", "5:5", "9:5", "1:9:1", "a:b", "0:9", "1:1e9", "1:99:1.01"]
    )
    def test_a_ramp_that_is_none_is_told(self, text: str) -> None:
        with pytest.raises(SettingsError, match="load: --ramp: expected"):
            read_ramp(text)

    def test_the_knee_is_the_last_rate_before_one_that_does_not_hold(self) -> None:
        said: list[str] = []
        loads = {100.0: 100.0, 200.0: 199.0, 400.0: 300.0, 800.0: 800.0}
        steps = climb(
            Ramp(100, 800, 2),
            1000,
            lambda _, rate: Step(rate, loads[rate], 50.0, None),
            said.append,
        )
        assert [step.asked for step in steps] == [100, 200, 400]
        best = knee(steps, 1000)
        assert best is not None and best.asked == 200
        assert verdict(steps, 1000) == "knee: 200 readings/s hold, 400 do not"
        assert said[2].endswith("does not hold") and said[1].endswith(": holds")

    def test_a_lag_that_goes_up_and_down_is_what_it_comes_down_to(self) -> None:
        behind = [9000, 300, 900, 500, 700]
        assert lag_at_end([sample(at, underived=lag) for at, lag in enumerate(behind)]) == 500
        assert lag_at_end([sample(1, lag=40, underived=None)]) == 40
        assert lag_at_end([sample(1, lag=None, underived=None)]) is None is lag_at_end([])

    def test_late_acknowledgements_and_a_service_that_falls_behind_do_not_hold(self) -> None:
        assert holds(Step(100, 100, 900, 150), 1000)
        assert not holds(Step(100, 100, 1100, 0), 1000)
        assert not holds(Step(100, 100, 10, 201), 1000)
        assert verdict([Step(100, 50, 10, 0)], 1000) == "knee: below the first rate"
        assert "above 100" in verdict([Step(100, 100, 10, 0)], 1000)

    def test_a_stopped_ramp_ends_where_it_is(self) -> None:
        steps = climb(Ramp(1, 9), 1000, lambda _, __: None, lambda _: None)
        assert steps == [] and verdict(steps, 1000) == "knee: below the first rate"


class Counted:
    """What a service has of a load, as the recorder asks it."""

    def __init__(self, of_load: int, underived: int | None) -> None:
        self.of_load, self.underived = of_load, underived


class TestRecorder:
    def test_samples_are_what_came_since_the_one_before(self) -> None:
        times = iter([100.0, 101.0, 103.0])
        recorder = Recorder([Process(os.getppid())], clock=lambda: next(times))
        recorder(Progress(1000, 5, 0.25, 90_000, (1.0, 2.0, 3.0)))
        second = recorder(Progress(1500, 4, 0.0, 135_000, None))
        assert second.readings == 1500 and second.ack_ms is None and second.lag is None
        assert [one.at_s for one in recorder.samples] == [1.0, 3.0]
        assert [one.readings_per_s for one in recorder.samples] == [1000.0, 250.0]
        assert [one.bytes_per_s for one in recorder.samples] == [90_000.0, 22_500.0]
        assert set(second.memory_mb) == set(second.cpu) and "load" in second.cpu
        assert len(second.cpu) == 2 and all(memory > 1 for memory in second.memory_mb.values())

    def test_what_is_not_booked_is_not_derived_either(self) -> None:
        recorder = Recorder(booked=Counted(of_load=900, underived=50))
        found = recorder(Progress(1000, 5, 0.25, 90_000))
        assert (found.lag, found.underived) == (100, 150)
        alone = Recorder(booked=Counted(of_load=900, underived=None))
        assert alone(Progress(1000, 5, 0.25)).underived is None

    @pytest.mark.parametrize(
        ("line", "name"),
        [
            ("/x/.venv/bin/python -m cityvitals aggregate", "aggregate"),
            ("/x/bin/python /x/bin/cityvitals ingest --workers 2", "ingest"),
            ("/usr/sbin/mosquitto -c /x/broker/mosquitto.toml", "mosquitto"),
            ("python3.11 gateway.py", "gateway.py"),
            ("", "process"),
        ],
    )
    def test_a_process_is_called_by_what_it_runs(self, line: str, name: str) -> None:
        assert called(line.split(" ")) == name

    def test_a_process_is_measured_with_its_children(self) -> None:
        hungry = "held = bytearray(64_000_000); print(1, flush=True); input()"
        command = [sys.executable, "-c", hungry]
        own = Process(os.getpid())
        before = own.use()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None and child.stdout.readline()
            during = own.use()
            child.communicate(b"\n")
        after = own.use()
        assert before is not None and during is not None and after is not None
        assert during.memory - before.memory > 60_000_000 and during.memory > after.memory
        assert before.cpu_s <= during.cpu_s <= after.cpu_s

    def test_an_aggregator_that_is_none_is_told(self) -> None:
        with pytest.raises(SettingsError, match="load: --aggregator: expected an address"):
            taken_by("127.0.0.1:9102")
        with pytest.raises(ApiAway, match=r"http://127\.0\.0\.1:1: "):
            taken_by("http://127.0.0.1:1")

    def test_a_process_that_is_not_there_is_told(self) -> None:
        with pytest.raises(SettingsError, match="--watch: no process 4194999"):
            Process(4_194_999)


def drawn(text: str) -> list[ET.Element]:
    return [ET.fromstring(one) for one in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]  # noqa: S314 (ours)


class TestPage:
    def test_a_page_has_a_plot_of_each_figure_and_nothing_from_elsewhere(self) -> None:
        samples = [sample(second) for second in range(5000)]
        text = page("Load <1>", "told & done", samples, trends(samples))
        assert "Load &lt;1&gt;" in text and "told &amp; done" in text
        assert not re.search(r"<script|https?:|src=|href=", text)
        plots = drawn(text)
        assert len(plots) == 8
        lines = [line for one in plots for line in one.iter("polyline")]
        assert len(lines) == 11
        assert all(1 < len(line.attrib["points"].split()) <= 800 for line in lines)
        assert len(text) < 200_000

    def test_a_figure_is_one_svg_with_all_plots(self) -> None:
        samples = [sample(second, p99=float(second * 10)) for second in range(99)]
        whole = ET.fromstring(figure("Load <1>", samples, trends(samples)))  # noqa: S314 (ours)
        name = "{http://www.w3.org/2000/svg}"
        assert whole.tag == f"{name}svg" and len(list(whole.iter(f"{name}polyline"))) == 11
        below = [float(one.attrib["y"]) for one in whole.findall(f"{name}svg")]
        assert len(below) == 8 and below == sorted(set(below))
        said = [one for one in whole.findall(f"{name}text") if "an hour" in str(one.text)]
        assert [one.attrib["font-weight"] for one in said] == ["bold"] + ["normal"] * 3
        assert float(whole.attrib["viewBox"].split()[3]) >= below[-1] + 200

    def test_a_peak_is_not_thinned_away(self) -> None:
        points = [(float(at), 1000.0 if at == 4321 else 1.0) for at in range(10_000)]
        (found,) = drawn(plot([Line("one", points)]))
        heights = [
            float(pair.split(",")[1])
            for line in found.iter("polyline")
            for pair in line.attrib["points"].split()
        ]
        assert min(heights) < 30 and max(heights) > 170

    def test_a_gap_is_not_thinned_away_and_few_points_are_left_alone(self) -> None:
        points = [(float(at), 0.0 if at == 777 else 5.0) for at in range(3600)]
        assert (777.0, 0.0) in thinned(points) and len(thinned(points)) <= 800
        assert thinned(points) == sorted(thinned(points))
        assert thinned(points[:400]) == points[:400]

    @pytest.mark.parametrize(
        ("low", "high", "found"),
        [
            (0.0, 347_760.0, [0, 100_000, 200_000, 300_000]),
            (0.0, 0.3665, [0, 0.1, 0.2, 0.3]),
            (0.0, 2.1, [0, 1, 2]),
            (1.0, 9.0, [2, 4, 6, 8]),
            (0.0, 0.0, [0]),
        ],
    )
    def test_ticks_are_round_and_few(self, low: float, high: float, found: list[float]) -> None:
        assert ticks(low, high, 4) == found

    def test_no_text_leaves_the_plot_and_an_hour_is_told_in_minutes(self) -> None:
        lines = [
            Line(f"aggregate {at}", [(1.0, 5e6), (3600.0, 1e7 / at)]) for at in range(10000, 10006)
        ]
        (found,) = drawn(plot(lines))
        texts = [(float(one.attrib["x"]), one) for one in found.iter("text")]
        assert {"60 min", "4,000,000"} <= {one.text for _, one in texts}
        for x, one in texts:
            length = 6.6 * len(one.text or "")
            share = {"end": 1.0, "middle": 0.5}.get(one.attrib.get("text-anchor", ""), 0.0)
            assert x - share * length >= 0 and x + (1 - share) * length <= 860 + 4, one.text

    def test_a_ramp_shows_its_steps(self) -> None:
        text = ramp_page("Ramp", "knee", [Step(100, 100, 5, 3), Step(200, 150, 900, None)])
        assert len(drawn(text)) == 2 and "<td>200</td><td>150</td>" in text

    def test_a_load_without_samples_is_a_page_too(self) -> None:
        assert not drawn(page("Load", "short", [], []))
