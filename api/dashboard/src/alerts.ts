// Alerts as they are: of each alert rule and zone the one that lasts, else the newest.

import { computed, signal } from "@preact/signals";
import type { Alert, AlertHistory, AlertSeverity } from "./model.ts";
import { apiUrl, postJson } from "./stream.ts";
import { keepToken } from "./token.ts";

const MOST_ENDED = 200;
const ORDER: AlertSeverity[] = ["critical", "warning", "notice"];

const known = signal<ReadonlyMap<number, Alert>>(new Map());
/** Goes on with each event: for lists of what is past. */
export const alertsTold = signal(0);

/** Alerts that last: the worst first, then those that nobody has taken note of, then the newest. */
export const openAlerts = computed(() => [...known.value.values()].filter((one) => one.state === "active").sort(inOrder));

/** The order of open alerts. */
export const inOrder = (a: Alert, b: Alert): number =>
  ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || Number(a.acknowledged !== null) - Number(b.acknowledged !== null)
  || Date.parse(b.since) - Date.parse(a.since) || b.id - a.id;

/** One alert rule that lasts, in all the places where it does: the worst of them first. */
export interface AlertGroup {
  worst: Alert;
  alerts: Alert[];
  since: string;
  fresh: number;
}

/** Alerts of one rule together, in the order in which the first of each comes. Pure. */
export function groupsOf(alerts: Alert[]): AlertGroup[] {
  const byRule = new Map<string, Alert[]>();
  for (const one of alerts) byRule.set(one.alert, [...(byRule.get(one.alert) ?? []), one]);
  return [...byRule.values()].map((of) => {
    const sorted = [...of].sort((a, b) => (a.side === "above" ? b.peak - a.peak : a.peak - b.peak) || Number(a.zone !== null) - Number(b.zone !== null));
    const since = [...of].sort((a, b) => Date.parse(a.since) - Date.parse(b.since))[0]?.since ?? "";
    return { worst: sorted[0] as Alert, alerts: sorted, since, fresh: of.filter((one) => !one.acknowledged).length };
  });
}

/** Take over a snapshot's. */
export function showAlerts(alerts: Alert[]): void {
  known.value = new Map(alerts.map((one) => [one.id, one]));
  alertsTold.value += 1;
}

const listeners = new Set<(alert: Alert) => void>();

/** Hear of alerts that begin to last; returns how to stop. */
export function onRaised(listener: (alert: Alert) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Take an event; what was known of the alert already is not undone by what comes late. */
export function takeAlert(told: Alert & { event: string }): void {
  const was = known.peek().get(told.id);
  alertsTold.value += 1;
  if (was && was.events > told.events) return;
  const all = new Map(known.peek()).set(told.id, told);
  // What ended is kept for a while, against what comes late.
  const ended = [...all.values()].filter((one) => one.state !== "active");
  for (const one of ended.slice(0, -MOST_ENDED)) all.delete(one.id);
  known.value = all;
  const begins = told.event === "raised" || told.event === "reopened";
  if (begins && told.state === "active") for (const listener of listeners) listener(told);
}

/** Take note of an alert; throws a `Failure`. */
export async function acknowledge(city: string, alert: Alert, secret: string, comment: string): Promise<void> {
  const url = apiUrl(["cities", city, "alerts", String(alert.id), "acknowledge"]);
  const { alert: now } = await postJson<AlertHistory>(url, secret, { comment });
  keepToken(secret);
  takeAlert({ ...now, event: "acknowledged" });
}
