import assert from "node:assert/strict";
import { test } from "node:test";
import { ageText, amountText, numberText, percentText, unitText } from "../src/format.ts";

const THIN = "\u202f";

test("numbers have their rule's digits, and thousands apart", () => {
  assert.equal(numberText(1234.56, 1), `1${THIN}234.6`);
  assert.equal(numberText(-0.25, 2), "−0.25");
  assert.equal(numberText(7, 0), "7");
});

test("units are written as people write them", () => {
  assert.equal(unitText("ug/m3"), "µg/m³");
  assert.equal(unitText("kW.h/{inhabitant}"), "kWh per inhabitant");
  assert.equal(unitText("1"), "");
  assert.equal(amountText(3, 0, "1"), "3");
  assert.equal(amountText(3, 1, "m3"), `3.0${THIN}m³`);
});

test("only what is whole says 100 %", () => {
  assert.equal(percentText(0.9999), `99${THIN}%`);
  assert.equal(percentText(1), `100${THIN}%`);
});

test("ages are in the largest unit that fits", () => {
  assert.equal(ageText(59), `59${THIN}s`);
  assert.equal(ageText(60), `1${THIN}min`);
  assert.equal(ageText(47 * 3600), `47${THIN}h`);
  assert.equal(ageText(49 * 3600), `2${THIN}d`);
  assert.equal(ageText(-3), `0${THIN}s`);
});
