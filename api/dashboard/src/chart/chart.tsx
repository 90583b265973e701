// A chart that keeps up with its data: drag to zoom, double click to go back, arrow keys to read.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { amountText, percentText } from "../format.ts";
import { texts } from "../messages.ts";
import type { Rule } from "../model.ts";
import { Message, Trouble } from "../parts.tsx";
import { theme } from "../theme.ts";
import type { ZoneTime } from "../time.ts";
import type { EChartsType } from "./echarts.ts";
import { optionOf, type Colours, type Line, type Range } from "./option.ts";
import { nearest, type Point } from "./series.ts";

interface Props {
  lines: Line[];
  rule: Rule | undefined;
  range: Range;
  time: ZoneTime;
  title: string;
  onZoom: (range: Range | null) => void;
}

export function Chart(props: Props): JSX.Element {
  const { lines, rule, range, time, title, onZoom } = props;
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const [width, setWidth] = useState(0);
  const [isReady, setReady] = useState(false);
  const [isBroken, setBroken] = useState(false);
  const [at, setAt] = useState<number | null>(null);
  const points = lines[0]?.points ?? [];

  useEffect(() => {
    let isOver = false;
    const node = place.current;
    if (!node) return undefined;
    void import("./echarts.ts").then(({ init }) => {
      if (isOver) return;
      chart.current = init(node, null, { renderer: "canvas" });
      setReady(true);
    }, () => { if (!isOver) setBroken(true); });
    const watcher = new ResizeObserver(() => setWidth(Math.floor(node.clientWidth)));
    watcher.observe(node);
    return () => {
      isOver = true;
      watcher.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    if (!isReady || !width || !chart.current) return;
    chart.current.resize({ width });
    chart.current.setOption(optionOf(lines, rule, range, time, coloursOf(place.current), width), { notMerge: true, lazyUpdate: true });
  }, [isReady, width, lines, rule, range.from, range.to, time, theme.value]);

  const read = at === null ? points.length - 1 : Math.min(at, points.length - 1);
  return (
    <figure class="chart">
      <div ref={place} class="plot" hidden={isBroken} data-part="plot" data-points={points.length} tabIndex={0} role="img"
        aria-label={describe(points, title)} onKeyDown={(event) => step(event, points, read, setAt, chart.current)}
        onDblClick={() => onZoom(null)} {...dragging(place, chart, onZoom, (x) => setAt(nearest(points, x)))} />
      {/* A module that could not be had is not asked for again by the same page; its address says all that is chosen. */}
      {isBroken && <Trouble why={texts.noChart} again={() => location.reload()} />}
      {points.length === 0 && <Message part="no-windows">{texts.noWindows}</Message>}
      <figcaption class="quiet" data-part="readout" aria-live="polite">
        {readout(points[read], time)} <span class="help">{texts.chartHelp} {time.zone} ({time.name(range.to)})</span>
      </figcaption>
    </figure>
  );
}

function readout(point: Point | undefined, time: ZoneTime): string {
  if (!point) return "";
  const { indicator } = point;
  const value = point.value === null ? indicator.reason || texts.notEnough : amountText(point.value, indicator.digits, indicator.unit);
  return `${time.window(point.begin, point.end, Date.now())}: ${value} · ${texts.state[indicator.state]} · ${texts.covered(percentText(indicator.coverage))}.`;
}

function describe(points: Point[], title: string): string {
  const values = points.flatMap((point) => (point.value === null ? [] : [point.value]));
  const sample = points.at(-1)?.indicator;
  if (!values.length || !sample) return `${title}: ${points.length} windows, none with a value`;
  const shown = (value: number): string => amountText(value, sample.digits, sample.unit);
  return `${title}: ${points.length} windows, ${points.length - values.length} without a value, from `
    + `${shown(Math.min(...values))} to ${shown(Math.max(...values))}. ${texts.chartHelp}`;
}

function step(event: KeyboardEvent, points: Point[], at: number, setAt: (at: number) => void, chart: EChartsType | null): void {
  const move = ({ ArrowLeft: -1, ArrowRight: 1, Home: -1e9, End: 1e9 } as Record<string, number>)[event.key];
  if (!move || !points.length) return;
  event.preventDefault();
  const next = Math.max(0, Math.min(points.length - 1, at + move));
  setAt(next);
  chart?.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: next });
}

interface Dragging {
  onPointerDown: (event: PointerEvent) => void;
  onPointerMove: (event: PointerEvent) => void;
  onPointerUp: (event: PointerEvent) => void;
  onPointerLeave: () => void;
}

/** Handlers for zooming by drag: what is chosen is a pale column until the pointer is let go. */
function dragging(place: { current: HTMLDivElement | null }, chart: { current: EChartsType | null },
  onZoom: (range: Range) => void, onRead: (at: number) => void): Dragging {
  const x = (event: PointerEvent): number => event.clientX - (place.current?.getBoundingClientRect().left ?? 0);
  const timeAt = (pixel: number): number => Number(chart.current?.convertFromPixel({ xAxisIndex: 0 }, pixel) ?? NaN);
  const state = drags;
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.pointerType === "touch" || !place.current) return;
      state.set(place.current, x(event));
    },
    onPointerMove: (event: PointerEvent) => {
      const from = place.current && state.get(place.current);
      if (typeof from === "number" && place.current) paint(place.current, from, x(event));
      else if (Number.isFinite(timeAt(x(event)))) onRead(timeAt(x(event)));
    },
    onPointerUp: (event: PointerEvent) => {
      const node = place.current;
      const from = node && state.get(node);
      if (!node || typeof from !== "number") return;
      state.delete(node);
      node.style.backgroundImage = "";
      const [a, b] = [timeAt(from), timeAt(x(event))].sort((one, other) => one - other);
      if (Math.abs(x(event) - from) > 8 && Number.isFinite(a) && Number.isFinite(b)) onZoom({ from: a ?? 0, to: b ?? 0 });
    },
    onPointerLeave: () => {
      if (!place.current) return;
      state.delete(place.current);
      place.current.style.backgroundImage = "";
    },
  };
}

const drags = new WeakMap<HTMLDivElement, number>();

function paint(node: HTMLDivElement, from: number, to: number): void {
  const [a, b] = [Math.min(from, to), Math.max(from, to)];
  node.style.backgroundImage = `linear-gradient(90deg, transparent ${a}px, var(--moved) ${a}px ${b}px, transparent ${b}px)`;
}

function coloursOf(node: HTMLElement | null): Colours {
  const style = getComputedStyle(node ?? document.documentElement);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: of("ink"), quiet: of("quiet"), line: of("line"), surface: of("surface"), hatch: of("hatch"), accent: of("accent"),
    others: [of("second"), of("third"), of("fourth"), of("fifth")],
  };
}
