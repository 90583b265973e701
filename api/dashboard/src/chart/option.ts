// What a chart of one or more places shows, as ECharts wants it. All pure.

import { numberText, percentText, unitText } from "../format.ts";
import { texts } from "../messages.ts";
import type { Rule } from "../model.ts";
import { stretches } from "../severity.ts";
import type { ZoneTime } from "../time.ts";
import { gapsOf, lineOf, type Point } from "./series.ts";

export interface Line {
  name: string;
  points: Point[];
}

/** The page's colours, from its style sheet. */
export interface Colours {
  ink: string;
  quiet: string;
  line: string;
  surface: string;
  hatch: string;
  accent: string;
  others: string[];
}

export interface Range {
  from: number;
  to: number;
}

const PX_PER_MARK = 92;

/** The option of a chart: bands, lines, gaps, corrections; coverage of the first line below. */
export function optionOf(lines: Line[], rule: Rule | undefined, range: Range, time: ZoneTime, colours: Colours, width: number): Record<string, unknown> {
  const first = lines[0]?.points ?? [];
  const sample = first.at(-1)?.indicator ?? lines.flatMap((line) => line.points)[0]?.indicator;
  const digits = sample?.digits ?? 1;
  return {
    animation: false,
    textStyle: { fontFamily: "Inter Variable, sans-serif", fontSize: 12 },
    grid: [
      { left: 60, right: rule?.bands.length ? 108 : 24, top: 24, bottom: 64 },
      { left: 60, right: rule?.bands.length ? 108 : 24, height: 8, bottom: 20 },
    ],
    xAxis: [xAxis(0, range, time, colours, width), { ...xAxis(1, range, time, colours, width), show: false }],
    yAxis: [yAxis(lines, rule, digits, sample?.unit ?? "", colours), coverageAxis(colours)],
    dataZoom: [{ type: "inside", xAxisIndex: [0, 1], disabled: true, filterMode: "none" }],
    tooltip: tooltip(colours, lines, time, digits),
    series: [...lines.map((line, n) => lineSeries(line, n, colours, n === 0 ? rule : undefined, extentOf(lines, rule))), ...corrections(lines, colours),
      coverage(first, colours)],
  };
}

function xAxis(gridIndex: number, range: Range, time: ZoneTime, colours: Colours, width: number): Record<string, unknown> {
  const marks = time.marks(range.from, range.to, (width - 120) / PX_PER_MARK);
  const at = marks.map((mark) => mark.at);
  const words = new Map(marks.map((mark) => [mark.at, mark.text]));
  return {
    type: "value", gridIndex, min: range.from, max: range.to,
    axisLine: { lineStyle: { color: colours.line } },
    axisTick: { customValues: at, lineStyle: { color: colours.line } },
    axisLabel: { customValues: at, color: colours.quiet, hideOverlap: true, formatter: (value: number) => words.get(value) ?? "" },
    splitLine: { show: false },
    axisPointer: { show: true, label: { show: false }, lineStyle: { color: colours.quiet, type: "dashed" } },
  };
}

/** From the band that holds the least value to the one that holds the greatest; null without bands. */
export function extentOf(lines: Line[], rule: Rule | undefined): { min: number; max: number } | null {
  const values = lines.flatMap((line) => line.points.flatMap((point) => (point.value === null ? [] : [point.value])));
  if (!rule?.bands.length || !values.length) return null;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const top = rule.bands.find((band) => band.to !== null && band.to >= high)?.to ?? high * 1.1;
  return { min: Math.min(0, low), max: top };
}

function yAxis(lines: Line[], rule: Rule | undefined, digits: number, unit: string, colours: Colours): Record<string, unknown> {
  const extent = extentOf(lines, rule);
  return {
    type: "value", gridIndex: 0, scale: true, name: unitText(unit), nameTextStyle: { color: colours.quiet, align: "left" },
    ...extent,
    axisLabel: { color: colours.quiet, showMaxLabel: extent === null || Number.isInteger(extent.max), formatter: (value: number) => numberText(value, Number.isInteger(value) ? 0 : Math.max(1, digits)) },
    splitLine: { lineStyle: { color: colours.line } },
  };
}

/** Says beside the strip what it is. */
const coverageAxis = (colours: Colours): object => ({
  type: "value", gridIndex: 1, min: 0, max: 1, axisLine: { show: false }, axisTick: { show: false }, splitLine: { show: false },
  axisPointer: { show: false },
  axisLabel: { customValues: [0.5], color: colours.quiet, fontSize: 11, margin: 4, formatter: () => texts.coverage },
});

type Extent = ReturnType<typeof extentOf>;

function lineSeries(line: Line, n: number, colours: Colours, rule: Rule | undefined, extent: Extent): Record<string, unknown> {
  const colour = n ? colours.others[(n - 1) % colours.others.length] : colours.accent;
  const alone = line.points.filter((point) => point.value !== null).length < 3;
  return {
    // An index of classes goes by steps: between two classes there is nothing.
    ...(rule?.bands.length && line.points.every((point) => Number.isInteger(point.value ?? 0)) ? { step: "middle" } : {}),
    type: "line", name: line.name, xAxisIndex: 0, yAxisIndex: 0, data: lineOf(line.points), connectNulls: false,
    showSymbol: alone, symbol: "circle", symbolSize: 5, lineStyle: { color: colour, width: 2 }, itemStyle: { color: colour },
    emphasis: { disabled: true }, z: 3,
    markArea: n ? undefined : { silent: true, z: 0, data: [...bandAreas(rule, extent), ...gapAreas(line.points, colours)] },
    markLine: n ? undefined : limits(rule, extent, colours),
  };
}

function bandAreas(rule: Rule | undefined, extent: Extent): object[] {
  return stretches(rule?.bands ?? []).flatMap((band) => {
    if (!extent || !band.colour) return [];
    const [from, to] = [Math.max(band.from ?? extent.min, extent.min), Math.min(band.to ?? extent.max, extent.max)];
    return from < to ? [[{ yAxis: from, itemStyle: { color: band.colour, opacity: 0.14 } }, { yAxis: to }]] : [];
  });
}

function gapAreas(points: Point[], colours: Colours): object[] {
  return gapsOf(points).map(([from, to]) => [
    { xAxis: from, itemStyle: { color: colours.hatch, opacity: 0.9 } }, { xAxis: to },
  ]);
}

/** Where bands begin, as labelled lines at the right edge. */
function limits(rule: Rule | undefined, extent: Extent, colours: Colours): Record<string, unknown> | undefined {
  const found = stretches(rule?.bands ?? []).filter((band) => band.from !== null && extent && band.from < extent.max);
  if (!found.length) return undefined;
  return {
    silent: true, symbol: "none", z: 1,
    lineStyle: { color: colours.quiet, type: "dotted", width: 1 },
    label: { color: colours.quiet, position: "end", fontSize: 11, formatter: (shown: { name: string }) => shown.name },
    data: found.map((band) => ({ yAxis: band.from, name: band.name })),
  };
}

/** A tick above each window whose value was corrected after it was final. */
function corrections(lines: Line[], colours: Colours): object[] {
  const found = (lines[0]?.points ?? []).filter((point) => point.indicator.state === "corrected" && point.value !== null);
  if (!found.length) return [];
  return [{
    type: "scatter", xAxisIndex: 0, yAxisIndex: 0, symbol: "rect", symbolSize: [3, 12], silent: true, z: 4,
    itemStyle: { color: colours.ink }, data: found.map((point) => [point.at, point.value]),
  }];
}

function coverage(points: Point[], colours: Colours): object {
  return {
    type: "bar", xAxisIndex: 1, yAxisIndex: 1, barCategoryGap: "0%", silent: true, large: true,
    showBackground: true, backgroundStyle: { color: colours.hatch }, itemStyle: { color: colours.quiet },
    barWidth: points.length > 1 ? undefined : 12,
    data: points.map((point) => [point.at, Math.min(1, point.indicator.coverage)]),
  };
}

function tooltip(colours: Colours, lines: Line[], time: ZoneTime, digits: number): object {
  return {
    trigger: "axis", confine: true, backgroundColor: colours.surface, borderColor: colours.line,
    textStyle: { color: colours.ink, fontSize: 12 }, transitionDuration: 0,
    formatter: (shown: { axisValue: number }[]) => {
      const at = Number(shown[0]?.axisValue);
      return lines.map((line) => tooltipLine(line, at, time, digits)).filter(Boolean).join("<br>");
    },
  };
}

function tooltipLine(line: Line, at: number, time: ZoneTime, digits: number): string {
  const point = line.points.find((one) => one.begin <= at && at < one.end);
  if (!point) return "";
  const { indicator } = point;
  const words = point.value === null ? indicator.reason : `<b>${numberText(point.value, digits)}\u202f${unitText(indicator.unit)}</b>`;
  const when = time.window(point.begin, point.end, at);
  return `${escaped(line.name)}, ${when}: ${point.value === null ? escaped(words) : words} · ${indicator.state} · ${percentText(indicator.coverage)}`;
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
