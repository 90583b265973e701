// One indicator over time: gaps stay gaps, coverage below, the axis in the city's own time.

import { drawn } from "./element.js";
import { numberText } from "./format.js";

const HEIGHT = 304;
const EDGE = { top: 12, right: 16, bottom: 52, left: 56 };
const STRIP = { top: HEIGHT - 44, height: 6 };
const TICK_PX = 88;

/** Round steps of 1, 2 or 5 that divide a range into about `count`. */
export function niceTicks(low, high, count) {
  const raw = (high - low || Math.abs(high) || 1) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  const ticks = [];
  for (let k = Math.floor(low / step); k <= Math.ceil(high / step); k += 1) ticks.push(k * step);
  return ticks;
}

/** Windows as points: time in the middle, value or null. */
export function pointsOf(indicators) {
  return indicators.map((indicator) => {
    const begin = Date.parse(indicator.window_begin);
    const end = Date.parse(indicator.window_end);
    return { begin, end, at: (begin + end) / 2, value: indicator.value, indicator };
  });
}

/** Runs of points with values whose windows follow each other without a gap. */
export function runsOf(points) {
  const runs = [];
  let last = null;
  for (const point of points) {
    if (point.value !== null) {
      if (last && last.value !== null && last.end === point.begin) runs.at(-1).push(point);
      else runs.push([point]);
    }
    last = point;
  }
  return runs;
}

/** Draw indicators, ascending by window; returns the SVG and where things are in it. */
export function drawChart(indicators, width, time, name) {
  const points = pointsOf(indicators);
  const scale = scaleOf(points, width);
  const svg = drawn("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": describe(points, name),
  });
  svg.append(
    ...valueAxis(scale, width, indicators.at(-1).digits),
    ...timeAxis(points, scale, width, time),
    ...missing(points, scale),
    ...lines(points, scale),
    ...strip(points, scale),
    ...corrections(points, scale),
  );
  const cross = drawn("line", { class: "cross", y1: EDGE.top, y2: scale.bottom, visibility: "hidden" });
  svg.append(cross);
  return { svg, points, scale, cross };
}

function scaleOf(points, width) {
  const values = points.flatMap((point) => (point.value === null ? [] : [point.value]));
  const high = Math.max(...values, 0) || 1;
  const ticks = niceTicks(Math.min(...values, 0), high, 5);
  const [from, to] = [points[0].begin, points.at(-1).end];
  const bottom = HEIGHT - EDGE.bottom;
  const inner = width - EDGE.left - EDGE.right;
  const span = ticks.at(-1) - ticks[0];
  return {
    ticks, bottom, from, to,
    x: (t) => EDGE.left + ((t - from) / (to - from)) * inner,
    y: (v) => bottom - ((v - ticks[0]) / span) * (bottom - EDGE.top),
  };
}

function valueAxis(scale, width, digits) {
  const step = scale.ticks[1] - scale.ticks[0];
  const shown = Math.min(digits, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return scale.ticks.flatMap((tick) => {
    const y = scale.y(tick);
    return [
      drawn("line", { class: tick ? "grid" : "axis", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y }),
      drawn("text", { x: EDGE.left - 8, y: y + 4, "text-anchor": "end" }, numberText(tick, shown)),
    ];
  });
}

/** Labels at the city's round hours or at its days, at least TICK_PX apart. */
function timeAxis(points, scale, width, time) {
  const roomFor = Math.max(2, Math.floor((width - EDGE.left - EDGE.right) / TICK_PX));
  const hours = (scale.to - scale.from) / 3600e3;
  const step = [1, 2, 3, 6, 12, 24].find((size) => hours / size <= roomFor);
  const days = step ? 1 : Math.ceil(hours / 24 / roomFor);
  const marks = [];
  for (let t = Math.ceil(scale.from / 900e3) * 900e3; t <= scale.to; t += 900e3) {
    if (isMark(new Date(t), time, step ?? 24, days)) marks.push(t);
  }
  const labels = marks.map((t) => drawn("text",
    { x: scale.x(t), y: HEIGHT - 20, "text-anchor": "middle" }, markText(new Date(t), time)));
  const lines = marks.map((t) => drawn("line",
    { class: "grid", x1: scale.x(t), x2: scale.x(t), y1: scale.bottom, y2: scale.bottom + 4 }));
  const name = drawn("text", { x: width - EDGE.right, y: HEIGHT - 2, "text-anchor": "end" },
    `${time.zone} (${time.zoneName(new Date(scale.to))})`);
  return [...lines, ...labels, name];
}

function isMark(moment, time, hours, days) {
  const parts = time.parts(moment);
  if (moment.getUTCMinutes() % 60 !== 0 && time.clock(moment).slice(3) !== "00") return false;
  if (time.clock(moment).slice(3) !== "00" || parts.hour % hours !== 0) return false;
  return days === 1 || Math.floor(Date.UTC(parts.year, parts.month - 1, parts.day) / 864e5) % days === 0;
}

function markText(moment, time) {
  return time.parts(moment).hour === 0 ? time.day(moment) : time.clock(moment);
}

function lines(points, scale) {
  const place = (point) => `${scale.x(point.at).toFixed(1)},${scale.y(point.value).toFixed(1)}`;
  const nodes = [];
  for (const run of runsOf(points)) {
    if (run.length > 1) nodes.push(drawn("polyline", { class: "line", points: run.map(place).join(" ") }));
    const marked = run.length === 1 ? run : run.filter((point) => point.indicator.state === "provisional");
    for (const point of marked) {
      const kind = point.indicator.state === "provisional" ? "open" : "dot";
      nodes.push(drawn("circle", { class: kind, cx: scale.x(point.at), cy: scale.y(point.value), r: 4 }));
    }
  }
  return nodes;
}

/** Pale columns where a window has no value, or where there is no window at all. */
function missing(points, scale) {
  const column = (from, to) => drawn("rect", {
    class: "missing", x: scale.x(from), y: EDGE.top,
    width: Math.max(1, scale.x(to) - scale.x(from)), height: scale.bottom - EDGE.top,
  });
  return points.flatMap((point, n) => {
    const gap = n && points[n - 1].end < point.begin ? [column(points[n - 1].end, point.begin)] : [];
    return point.value === null ? [...gap, column(point.begin, point.end)] : gap;
  });
}

function strip(points, scale) {
  return points.flatMap((point) => {
    const x = scale.x(point.begin);
    const width = Math.max(0.5, scale.x(point.end) - x - 0.5);
    const covered = STRIP.height * Math.min(1, point.indicator.coverage);
    return [
      drawn("rect", { class: "uncovered", x, width, y: STRIP.top, height: STRIP.height }),
      drawn("rect", { class: "covered", x, width, y: STRIP.top + STRIP.height - covered, height: covered }),
    ];
  });
}

/** A tick above each window whose value was corrected after it was final. */
function corrections(points, scale) {
  return points.filter((point) => point.indicator.state === "corrected").map((point) =>
    drawn("line", {
      class: "correction", x1: scale.x(point.at), x2: scale.x(point.at), y1: EDGE.top - 8, y2: EDGE.top,
    }));
}

function describe(points, name) {
  const values = points.flatMap((point) => (point.value === null ? [] : [point.value]));
  const without = points.length - values.length;
  if (!values.length) return `${name}: ${points.length} windows, none with a value`;
  const digits = points.at(-1).indicator.digits;
  return `${name}: ${points.length} windows, ${without} without a value, `
    + `from ${numberText(Math.min(...values), digits)} to ${numberText(Math.max(...values), digits)}`;
}
