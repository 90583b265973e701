// Windows as what a chart draws: runs joined, gaps as gaps. All pure.

import type { Indicator } from "../model.ts";

/** One window: its middle, its value or null. */
export interface Point {
  at: number;
  begin: number;
  end: number;
  value: number | null;
  indicator: Indicator;
}

export function pointsOf(indicators: Indicator[]): Point[] {
  return indicators.map((indicator) => {
    const [begin, end] = [Date.parse(indicator.window_begin), Date.parse(indicator.window_end)];
    return { at: (begin + end) / 2, begin, end, value: indicator.value, indicator };
  });
}

/** [time, value] with a null between windows that do not follow each other, so that no line joins them. */
export function lineOf(points: Point[]): [number, number | null][] {
  const found: [number, number | null][] = [];
  let last: Point | null = null;
  for (const point of points) {
    if (last && last.end < point.begin) found.push([last.end, null]);
    found.push([point.at, point.value]);
    last = point;
  }
  return found;
}

/** Stretches without a value: insufficient windows and what lies between windows. */
export function gapsOf(points: Point[]): [number, number][] {
  const found: [number, number][] = [];
  let last: Point | null = null;
  for (const point of points) {
    if (last && last.end < point.begin) found.push([last.end, point.begin]);
    if (point.value === null) found.push([point.begin, point.end]);
    last = point;
  }
  return joined(found);
}

function joined(stretches: [number, number][]): [number, number][] {
  const found: [number, number][] = [];
  for (const [from, to] of stretches) {
    const last = found.at(-1);
    if (last && last[1] >= from) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  return found;
}

/** The place of the window nearest to a time. */
export function nearest(points: Point[], at: number): number {
  let best = 0;
  points.forEach((point, n) => {
    if (Math.abs(point.at - at) < Math.abs((points[best]?.at ?? Infinity) - at)) best = n;
  });
  return best;
}
