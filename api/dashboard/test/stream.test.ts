import assert from "node:assert/strict";
import { test } from "node:test";
import { apiUrl, EventParser } from "../src/stream.ts";

test("events come out whole, however the text is cut", () => {
  const text = 'id: 7\nevent: value\ndata: {"a":\ndata: 1}\n\n: up to date at 7\n\nretry: 2000\n\n';
  for (let size = 1; size <= text.length; size += 1) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
    assert.deepEqual(found, [
      { kind: "value", data: '{"a":\n1}', comment: "", id: "7" },
      { kind: "message", data: "", comment: "up to date at 7", id: null },
    ]);
  }
});

test("paths and queries are escaped", () => {
  assert.equal(apiUrl(["cities", "a/b", "zones"], { from: "2026-01-01T00:00:00+01:00" }),
    "/v1/cities/a%2Fb/zones?from=2026-01-01T00%3A00%3A00%2B01%3A00");
});
