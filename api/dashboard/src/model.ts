// What the API says, as far as the page uses it: docs/api.md.

export type State = "provisional" | "final" | "corrected" | "insufficient";

export interface City {
  id: string;
  name: string;
  time_zone: string;
  clock: "live" | "replay";
  complete_to: string | null;
  change_number: number;
}

export type Position = [number, number];

export interface Geometry {
  type: "Point" | "Polygon" | "MultiPolygon";
  coordinates: Position | Position[][] | Position[][][];
}

export interface Zone {
  id: string;
  name: string;
  geometry: Geometry | null;
}

export interface Fact {
  id: number;
  name: string;
  zone: string | null;
  value: number;
  unit: string;
  valid_from: string | null;
  source: string;
  quality: string;
}

/** A value with its warrant; `zone` null is the city itself. */
export interface Indicator {
  rule: string;
  zone: string | null;
  window_begin: string;
  window_end: string;
  value: number | null;
  unit: string;
  band: string | null;
  state: State;
  coverage: number;
  revision: number;
  rule_revision: number;
  numerator: number | null;
  denominator: number | null;
  observed: number;
  flagged: number;
  stations: number;
  facts: Fact[];
  silent: string[];
  watermark: string | null;
  computed_at: string;
  reason: string;
  title: string;
  digits: number;
  domain: string;
}

/** A band of a rule: up to `to`, null for the last. */
export interface Band {
  name: string;
  to: number | null;
  colour?: string | null;
}

/** What a rule says of itself, in short. */
export interface Rule {
  id: string;
  revision: number;
  title: string;
  domain: string;
  unit: string;
  digits: number;
  length: string;
  standard: string | null;
  verified: string;
  direction: "lower" | "higher" | "neither" | null;
  bands: Band[];
}

export interface Counts {
  received: number;
  stored: number;
  duplicate: number;
  revised: number;
  rejected: number;
  lost: number;
  resets: number;
}

export interface Ledger {
  city: string;
  gateways: ({ gateway: string } & Counts)[];
  total: Counts;
  closes: boolean;
  in_flight: { messages: number; workers: number };
}

export interface Page<Item> {
  items: Item[];
  next: string | null;
}

export type AlertState = "active" | "cleared" | "withdrawn";
export type AlertSeverity = "notice" | "warning" | "critical";

/** A stretch of final windows beyond a threshold; `zone` null is the city itself. */
export interface Alert {
  id: number;
  alert: string;
  rule: string;
  zone: string | null;
  title: string;
  severity: AlertSeverity;
  state: AlertState;
  since: string;
  until: string | null;
  raised_at: string;
  changed_at: string;
  peak: number;
  peak_at: string;
  unit: string;
  side: "above" | "below";
  threshold: number;
  windows: number;
  acknowledged: { at: string; by: string; comment: string } | null;
  events: number;
  source: string;
}

/** What happened to an alert, and when. */
export interface AlertEvent {
  number: number;
  at: string;
  event: "raised" | "worsened" | "cleared" | "reopened" | "amended" | "withdrawn" | "acknowledged";
  peak: number;
  by: string | null;
  comment: string | null;
}

export interface AlertHistory {
  alert: Alert;
  history: AlertEvent[];
}

export type Connection = "catching-up" | "live" | "lost";

/** The key under which an indicator is kept: its rule and its zone. */
export const keyOf = (rule: string, zone: string | null): string => `${rule}|${zone ?? ""}`;
