import assert from "node:assert/strict";
import { test } from "node:test";
import { ZoneTime } from "../src/time.ts";

const HOUR = 3600e3;
const rome = new ZoneTime("Europe/Rome");

test("a day of 25 hours has marks at its own midnights", () => {
  const from = Date.parse("2026-10-24T22:00:00Z"); // midnight in Rome
  const marks = rome.marks(from, from + 48 * HOUR, 4);
  const midnights = marks.filter((mark) => mark.text.includes("Oct")).map((mark) => new Date(mark.at).toISOString());
  assert.deepEqual(midnights, ["2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"]);
});

test("zones off the hour have marks on their own hours", () => {
  const kathmandu = new ZoneTime("Asia/Kathmandu");
  const from = Date.parse("2026-06-01T00:00:00Z");
  const marks = kathmandu.marks(from, from + 3 * HOUR, 4);
  assert.deepEqual(marks.map((mark) => mark.text), ["06:00", "07:00", "08:00"]);
});

test("a year has marks at beginnings of months", () => {
  const from = Date.parse("2025-12-31T23:00:00Z");
  const marks = rome.marks(from, Date.parse("2026-12-31T23:00:00Z"), 12);
  assert.ok(marks.length >= 4 && marks.length <= 13);
  for (const mark of marks) assert.equal(rome.calendar(mark.at).day, 1);
});

test("windows are said by their length", () => {
  const begin = Date.parse("2026-11-23T09:00:00Z");
  assert.equal(rome.window(begin, begin + HOUR, begin), "10:00–11:00");
  assert.equal(rome.window(Date.parse("2026-11-22T23:00:00Z"), Date.parse("2026-11-23T23:00:00Z"), begin), "23 Nov");
  assert.equal(rome.window(Date.parse("2026-10-31T23:00:00Z"), Date.parse("2026-11-30T23:00:00Z"), begin), "Nov 2026");
});
