import assert from "node:assert/strict";
import { test } from "node:test";
import { gapsOf, lineOf, nearest, pointsOf } from "../src/chart/series.ts";
import { completeOf } from "../src/complete.ts";
import { extentOf } from "../src/chart/option.ts";
import { classesOf, classOf } from "../src/classes.ts";
import { middleOf, pathOf, positionsOf, project } from "../src/geo.ts";
import type { Geometry, Indicator, Rule } from "../src/model.ts";
import { rankOf, severityOf, shapeOf, stretches } from "../src/severity.ts";

const HOUR = 3600e3;

const hour = (n: number, value: number | null, more: Partial<Indicator> = {}): Indicator => ({
  rule: "air.pm2_5.hour", zone: null, window_begin: new Date(n * HOUR).toISOString(),
  window_end: new Date((n + 1) * HOUR).toISOString(), value, unit: "ug/m3", band: null, state: "final", coverage: 1,
  revision: 1, rule_revision: 1, numerator: null, denominator: null, observed: 1, flagged: 0, stations: 1, facts: [],
  silent: [], watermark: null, computed_at: "2026-01-01T00:00:00Z", reason: "", title: "", digits: 1, domain: "air", ...more,
});

const rule = (bands: Rule["bands"], direction?: "lower" | "higher"): Rule => ({
  id: "r", revision: 1, title: "", domain: "air", unit: "1", digits: 0, length: "hour", standard: null, verified: "own",
  direction: direction ?? null, bands,
});

const BANDS = [{ name: "Good", to: 10, colour: "#0f0" }, { name: "Fair", to: 20, colour: "#ff0" }, { name: "Poor", to: null, colour: "#f00" }];

test("gaps are gaps: no line joins windows that do not follow each other", () => {
  const points = pointsOf([hour(0, 1), hour(1, 2), hour(4, 3), hour(5, null), hour(6, 4)]);
  assert.deepEqual(lineOf(points).map(([, value]) => value), [1, 2, null, 3, null, 4]);
  assert.deepEqual(gapsOf(points), [[2 * HOUR, 4 * HOUR], [5 * HOUR, 6 * HOUR]]);
});

test("gaps that touch are one", () => {
  assert.deepEqual(gapsOf(pointsOf([hour(0, null), hour(1, null), hour(5, 1)])), [[0, 5 * HOUR]]);
});

test("the nearest window is found", () => {
  const points = pointsOf([hour(0, 1), hour(4, 1)]);
  assert.equal(nearest(points, 2.4 * HOUR), 0);
  assert.equal(nearest(points, 2.6 * HOUR), 1);
});

test("a band's rank runs from best to worst, the other way where more is better", () => {
  const found = rankOf(hour(0, 25, { band: "Poor" }), rule(BANDS));
  assert.deepEqual(found, { name: "Poor", colour: "#f00", severity: 1 });
  assert.equal(severityOf(2, rule(BANDS, "higher")), 0);
  assert.equal(rankOf(hour(0, null, { band: "Poor" }), rule(BANDS)), null);
  assert.equal(rankOf(hour(0, 1, { band: "unheard of" }), rule(BANDS)), null);
  assert.equal(new Set([0, 0.3, 0.5, 0.7, 1].map(shapeOf)).size, 5);
});

test("bands are stretches of values without a hole", () => {
  assert.deepEqual(stretches(BANDS).map((one) => [one.from, one.to]), [[null, 10], [10, 20], [20, null]]);
});

test("classes are the bands, with a limit belonging to the lower one", () => {
  const found = classesOf([hour(0, 10), hour(0, 10.1), hour(0, null)], rule(BANDS));
  assert.deepEqual(found.map((one) => one.count), [1, 1, 0]);
});

test("without bands classes are steps that hold every value", () => {
  const values = [3, 7.7, 12, 100];
  const found = classesOf(values.map((value) => hour(0, value)), undefined);
  assert.equal(found.reduce((sum, one) => sum + one.count, 0), values.length);
  assert.equal(classesOf([hour(0, 5)], undefined).length, 1);
  assert.ok(classOf(1e9, found));
});

test("a city's shape keeps its proportions and its north up", () => {
  const square: Geometry = { type: "Polygon", coordinates: [[[10, 60], [10.2, 60], [10.2, 60.1], [10, 60.1], [10, 60]]] };
  const projection = project(positionsOf(square), 1000);
  assert.ok(projection);
  const [west, south] = projection.place([10, 60]);
  const [east, north] = projection.place([10.2, 60.1]);
  assert.ok(east > west && north < south);
  assert.ok(Math.abs((east - west) / (south - north) - 1) < 0.01); // at 60° a degree of longitude is half as long
  assert.match(pathOf(square, projection), /^M[\d.]+,[\d.]+(L[\d.]+,[\d.]+){4}Z$/);
  const [x, y] = middleOf(square, projection);
  assert.ok(Math.abs(x - (west + east) / 2) < 0.1 && Math.abs(y - (north + south) / 2) < 0.1);
  assert.equal(project([], 1000), null);
});

test("an axis reaches to the end of the band that holds the greatest value", () => {
  const lines = (value: number) => [{ name: "", points: pointsOf([hour(0, value)]) }];
  assert.deepEqual(extentOf(lines(12), rule(BANDS)), { min: 0, max: 20 });
  assert.deepEqual(extentOf(lines(20), rule(BANDS)), { min: 0, max: 20 });
  assert.deepEqual(extentOf(lines(100), rule(BANDS)), { min: 0, max: 100 * 1.1 });
  assert.equal(extentOf(lines(12), rule([])), null);
});

test("data is complete as far as the place that is furthest behind", () => {
  const at = (text: string): string => `2026-01-01T${text}:00Z`;
  const said = (zone: string | null, watermark: string, more: Partial<Indicator> = {}): Indicator =>
    hour(1, 1, { zone, watermark: at(watermark), ...more });
  // The month's own rule was computed an hour ago: its place has come further since.
  const all = [said(null, "10:00"), said("a", "14:00"), said("b", "10:00"), said("a", "13:00", { rule: "air.month" }),
    said("c", "14:05", { domain: "water", silent: ["gw-2"] })];
  assert.deepEqual(completeOf(all), [
    { domain: "air", at: Date.parse(at("10:00")), silent: [] }, { domain: "water", at: Date.parse(at("14:05")), silent: ["gw-2"] },
  ]);
  assert.deepEqual(completeOf([hour(1, 1)]), []);
});
