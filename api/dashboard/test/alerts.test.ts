import assert from "node:assert/strict";
import { test } from "node:test";
import { groupsOf } from "../src/alerts.ts";
import type { Alert } from "../src/model.ts";

const alert = (id: number, of: string, zone: string | null, peak: number, more: Partial<Alert> = {}): Alert => ({
  id, alert: of, rule: "r", zone, title: of, severity: "warning", state: "active", since: "2026-01-01T10:00:00Z", until: null,
  raised_at: "", changed_at: "", peak, peak_at: "", unit: "ug/m3", side: "above", threshold: 1, windows: 1, acknowledged: null,
  events: 1, source: "", ...more,
});

test("an alert rule is said once: its worst place first, since the first of them", () => {
  const taken = { at: "", by: "desk", comment: "" };
  const [smog, frost] = groupsOf([
    alert(1, "smog", "a", 60), alert(2, "frost", "a", -3, { side: "below" }),
    alert(3, "smog", null, 80, { since: "2026-01-01T12:00:00Z" }), alert(4, "smog", "b", 80, { acknowledged: taken }),
    alert(5, "frost", "b", -9, { side: "below", acknowledged: taken, since: "2026-01-01T08:00:00Z" }),
  ]);
  assert.deepEqual(smog?.alerts.map((one) => one.id), [3, 4, 1]); // of equals the city first
  assert.equal(smog?.since, "2026-01-01T10:00:00Z");
  assert.equal(smog?.fresh, 2);
  assert.deepEqual([frost?.worst.id, frost?.since, frost?.fresh], [5, "2026-01-01T08:00:00Z", 1]);
  assert.deepEqual(groupsOf([]), []);
});
