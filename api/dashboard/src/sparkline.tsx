// The last day of an indicator, small: bands behind, gaps as gaps.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Indicator, Page, Rule } from "./model.ts";
import { stretches } from "./severity.ts";
import { city, rules } from "./state.ts";
import { apiUrl, getJson } from "./stream.ts";

const [WIDTH, HEIGHT] = [160, 32];
const HOUR_MS = 3600e3;

/** Windows of the last day and a bit; of days the last fortnight. */
function urlOf(indicator: Indicator): string {
  const length = Date.parse(indicator.window_end) - Date.parse(indicator.window_begin);
  const back = Math.max(24 * HOUR_MS, Math.min(14 * length, 400 * 24 * HOUR_MS));
  const from = new Date(Date.parse(indicator.window_end) - back).toISOString();
  const query = { from, points: "96", ...(indicator.zone ? { zone: indicator.zone } : {}) };
  return apiUrl(["cities", city.peek()?.id ?? "", "indicators", indicator.rule, "history"], query);
}

export function Sparkline({ indicator }: { indicator: Indicator }): JSX.Element {
  const place = useRef<SVGSVGElement>(null);
  const [past, setPast] = useState<Indicator[]>([]);
  useEffect(() => {
    let isOver = false;
    const watcher = new IntersectionObserver(([seen]) => {
      if (!seen?.isIntersecting) return;
      watcher.disconnect();
      getJson<Page<Indicator>>(urlOf(indicator)).then(({ items }) => { if (!isOver) setPast(items); }, () => {});
    });
    if (place.current) watcher.observe(place.current);
    return () => { isOver = true; watcher.disconnect(); };
    // A new window draws one point more; the past is asked for again.
  }, [indicator.rule, indicator.zone, indicator.window_begin]);
  const all = [...past.filter((one) => one.window_begin < indicator.window_begin), indicator];
  const shown = all.slice(all.findIndex((one) => one.value !== null));
  const scale = scaleOf(shown);
  return (
    <svg ref={place} class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {scale && bandsOf(rules.value.get(indicator.rule), scale)}
      {scale && runs(shown).map((run, n) => <polyline key={n} points={run.map(scale.place).join(" ")} {...pace(run)} />)}
    </svg>
  );
}

/** What is still open is dashed, as the card's edge is. */
const pace = (run: Indicator[]): { class?: string } =>
  (run.length === 2 && run[1]?.state === "provisional" ? { class: "is-open" } : {});

interface Scale {
  low: number;
  high: number;
  y: (value: number) => number;
  place: (one: Indicator) => string;
}

function scaleOf(shown: Indicator[]): Scale | null {
  const values = shown.flatMap((one) => (one.value === null ? [] : [one.value]));
  if (values.length < 2) return null;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) || 1) * 0.1;
  const begin = Date.parse(shown[0]?.window_begin ?? "");
  const end = Date.parse(shown.at(-1)?.window_end ?? "");
  const y = (value: number): number => HEIGHT - ((value - low + room) / (high - low + 2 * room)) * HEIGHT;
  const x = (one: Indicator): number =>
    (((Date.parse(one.window_begin) + Date.parse(one.window_end)) / 2 - begin) / (end - begin || 1)) * WIDTH;
  return { low: low - room, high: high + room, y, place: (one) => `${x(one).toFixed(1)},${y(one.value ?? 0).toFixed(1)}` };
}

function bandsOf(rule: Rule | undefined, scale: Scale): JSX.Element[] {
  if (!rule) return [];
  return stretches(rule.bands).flatMap((band, n) => {
    const top = scale.y(Math.min(band.to ?? scale.high, scale.high));
    const bottom = scale.y(Math.max(band.from ?? scale.low, scale.low));
    if (!band.colour || bottom - top <= 0) return [];
    return [<rect key={n} x={0} y={top} width={WIDTH} height={bottom - top} fill={band.colour} class="spark-band" />];
  });
}

/** Runs of windows with values that follow each other: gaps are never joined. */
export function runs(shown: Indicator[]): Indicator[][] {
  const found: Indicator[][] = [];
  let last: Indicator | null = null;
  for (const one of shown) {
    if (one.value !== null) {
      const joins = last !== null && last.value !== null && Date.parse(one.window_begin) <= Date.parse(last.window_end);
      // The step to an open window is a run of its own: it is drawn otherwise.
      if (joins && last && one.state === "provisional") found.push([last, one]);
      else if (joins) found.at(-1)?.push(one);
      else found.push([one]);
    }
    last = one;
  }
  return found.filter((run) => run.length > 1);
}
