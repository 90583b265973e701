import assert from "node:assert/strict";
import { test } from "node:test";
import { arcOf, sectorsOf, stepOf, type Score, type Scores } from "../src/scorecard.ts";

const score = (data_points: number, percent: number | null = null): Score => ({
  points: 0, possible: 0, percent, band: null, data_points, scored: 0, no_data: 0, no_target: 0, estimates: 0,
});

test("each ring of the wheel is a whole turn, and what belongs together lies on the same rays", () => {
  const category = (name: string, count: number) => ({ name, score: score(count), kpis: [] });
  const scores = {
    score: score(10),
    dimensions: [
      { name: "a", score: score(6), sub_dimensions: [
        { name: "a1", score: score(4), categories: [category("x", 1), category("y", 3)] },
        { name: "a2", score: score(2), categories: [category("z", 2)] },
      ] },
      { name: "b", score: score(4), sub_dimensions: [{ name: "b1", score: score(4), categories: [category("w", 4)] }] },
    ],
  } as unknown as Scores;
  const found = sectorsOf(scores);
  for (const ring of [0, 1, 2]) {
    const last = found.filter((one) => one.ring === ring).at(-1);
    assert.ok(Math.abs((last?.to ?? 0) - 1) < 1e-9);
  }
  const from = (name: string): number => found.find((one) => one.name === name)?.from ?? NaN;
  assert.ok(Math.abs(from("w") - from("b")) < 1e-9);
});

test("a score's step is the band it lies in; an edge belongs to the band above", () => {
  assert.deepEqual([null, 0, 32.9, 33, 66, 94.9, 95, 140].map((percent) => stepOf(score(1, percent))), [0, 1, 1, 2, 3, 3, 4, 4]);
});

test("a whole turn is drawn", () => {
  assert.match(arcOf(0, 1, 10, 20), /^M0\.00,-20\.00A20,20 0 1 1 /);
});
