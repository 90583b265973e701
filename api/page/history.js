// The history of one indicator, in a dialog that keeps up with what arrives.

import { drawChart } from "./chart.js";
import { element, setText } from "./element.js";
import { numberText, percentText, unitText } from "./format.js";
import { getJson } from "./stream.js";

const HOURS_SHOWN = 72;
const DAYS_SHOWN = 60;

export class History {
  constructor(dialog) {
    this.dialog = dialog;
    this.shown = null;
    this.windows = new Map();
    this.at = null;
    const part = (name) => dialog.querySelector(`[data-part=history-${name}]`);
    this.title = dialog.querySelector("h2");
    this.place = part("place");
    this.now = part("now");
    this.plot = part("plot");
    this.readout = part("readout");
    this.warrant = part("warrant");
    this.link = part("link");
    part("close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { this.shown = null; });
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("keydown", (event) => this.step(event));
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  /** Show the history of an indicator. */
  async open(indicator, city, zoneName, time) {
    this.shown = { indicator, time, key: `${indicator.rule}|${indicator.zone ?? ""}` };
    this.windows = new Map([[indicator.window_begin, indicator]]);
    this.at = null;
    setText(this.title, indicator.title);
    setText(this.place, `${zoneName} · ${time.zone}`);
    this.plot.replaceChildren(element("p", { class: "message" }, "Loading…"));
    this.describe();
    const url = historyUrl(indicator, city);
    this.link.href = url;
    if (!this.dialog.open) this.dialog.showModal();
    await this.load(url, this.shown.key);
  }

  async load(url, key) {
    try {
      const { items } = await getJson(url);
      if (this.shown?.key !== key) return;
      for (const item of items) this.take(item);
      this.draw();
    } catch (error) {
      if (this.shown?.key !== key) return;
      this.plot.replaceChildren(element("p", { class: "message" }, `No history: ${error.problem ?? error.message}`));
    }
  }

  /** Something new of this indicator, in whatever window. */
  update(indicator) {
    if (this.shown?.key !== `${indicator.rule}|${indicator.zone ?? ""}`) return;
    this.take(indicator);
    if (indicator.window_begin >= this.shown.indicator.window_begin) {
      this.shown.indicator = indicator;
      this.describe();
    }
    this.draw();
  }

  take(indicator) {
    const known = this.windows.get(indicator.window_begin);
    if (!known || known.revision <= indicator.revision) {
      this.windows.set(indicator.window_begin, indicator);
    }
  }

  draw() {
    const width = Math.floor(this.plot.clientWidth);
    if (!this.shown || !width) return;
    const { indicator, time } = this.shown;
    const items = [...this.windows.values()].sort(
      (a, b) => Date.parse(a.window_begin) - Date.parse(b.window_begin));
    this.chart = drawChart(items, width, time, indicator.title);
    this.plot.replaceChildren(this.chart.svg);
    this.read(this.at ?? items.length - 1, this.at !== null);
  }

  /** Read one window out, under the pointer or by arrow key. */
  read(index, marked = true) {
    const { points, scale, cross } = this.chart;
    const point = points[Math.max(0, Math.min(points.length - 1, index))];
    const { indicator } = point;
    const x = scale.x(point.at);
    cross.setAttribute("x1", x);
    cross.setAttribute("x2", x);
    cross.setAttribute("visibility", marked ? "visible" : "hidden");
    const when = this.shown.time.window(new Date(point.begin), new Date(point.end), new Date(scale.to));
    setText(this.readout, `${when}: ${valueText(indicator)} · ${indicator.state}`
      + ` · ${percentText(indicator.coverage)} covered`);
  }

  point(event) {
    if (!this.chart) return;
    const x = event.clientX - this.plot.getBoundingClientRect().left;
    const near = (point) => Math.abs(this.chart.scale.x(point.at) - x);
    const { points } = this.chart;
    this.at = points.reduce((best, point, n) => (near(point) < near(points[best]) ? n : best), 0);
    this.read(this.at);
  }

  step(event) {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 }[event.key];
    if (!move || !this.chart) return;
    event.preventDefault();
    const last = this.chart.points.length - 1;
    this.at = Math.max(0, Math.min(last, (this.at ?? last) + move));
    this.read(this.at);
  }

  /** The newest value, and what warrants it. */
  describe() {
    const { indicator, time } = this.shown;
    const value = element("span", { "data-part": "value" },
      indicator.value === null ? "" : numberText(indicator.value, indicator.digits));
    const after = indicator.value === null
      ? indicator.reason || "not enough data"
      : `\u202f${unitText(indicator.unit)}`;
    this.now.replaceChildren(value, element("span", { class: "unit" }, after));
    this.warrant.replaceChildren(...warrantOf(indicator, time).flatMap(([name, text]) =>
      text === null ? [] : [element("div", {}, element("dt", {}, name), element("dd", {}, text))]));
  }
}

function valueText(indicator) {
  if (indicator.value === null) return indicator.reason || "not enough data";
  return `${numberText(indicator.value, indicator.digits)}\u202f${unitText(indicator.unit)}`;
}

function warrantOf(indicator, time) {
  const moment = (text) => {
    if (text === null) return null;
    const at = new Date(text);
    return `${time.day(at)} ${time.seconds(at)} ${time.zoneName(at)}`;
  };
  return [
    ["Rule", `${indicator.rule}, revision ${indicator.rule_revision}`],
    ["State", `${indicator.state}, revision ${indicator.revision}`],
    ["Coverage", percentText(indicator.coverage)],
    ["Stations", String(indicator.stations)],
    ...(indicator.facts ?? []).map((fact) => [factName(fact), factText(fact)]),
    ["Readings", `${numberText(indicator.observed, 0)}, ${numberText(indicator.flagged, 0)} flagged`],
    ["Silent gateways", indicator.silent.join(", ") || "none"],
    ["Data complete to", moment(indicator.watermark)],
    ["Computed", moment(indicator.computed_at)],
  ];
}

function factName(fact) {
  const name = fact.name.replaceAll("_", " ");
  return `${name[0].toUpperCase()}${name.slice(1)}${fact.zone ? "" : " of the city"}`;
}

function factText(fact) {
  const since = fact.valid_from === null ? "" : ` from ${fact.valid_from.slice(0, 10)}`;
  return `${fact.value} ${unitText(fact.unit)}${since}; ${fact.quality}; ${fact.source}`;
}

function historyUrl(indicator, city) {
  const isDay = Date.parse(indicator.window_end) - Date.parse(indicator.window_begin) > 20 * 3600e3;
  const back = isDay ? DAYS_SHOWN * 864e5 : HOURS_SHOWN * 3600e3;
  const from = new Date(Date.parse(indicator.window_end) - back).toISOString();
  const query = new URLSearchParams({ from, ...(indicator.zone ? { zone: indicator.zone } : {}) });
  const path = [city, "indicators", indicator.rule, "history"].map(encodeURIComponent).join("/");
  return `/v1/cities/${path}?${query}`;
}
