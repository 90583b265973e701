// What the page knows: one city at a time, every indicator a signal of its own, drawn once per frame.

import { batch, computed, signal, type Signal } from "@preact/signals";
import { showAlerts, takeAlert } from "./alerts.ts";
import { keyOf, type Alert, type City, type Connection, type Indicator, type Page, type Rule, type Zone } from "./model.ts";
import { askedCity, rememberCity } from "./route.ts";
import { apiUrl, Failure, getJson, watch } from "./stream.ts";
import { texts } from "./messages.ts";
import { onToken, refused } from "./token.ts";
import { ZoneTime } from "./time.ts";

const RETRY_MS = 3000;

export const cities = signal<City[]>([]);
export const city = signal<City | null>(null);
export const zones = signal<Zone[]>([]);
export const rules = signal<ReadonlyMap<string, Rule>>(new Map());
/** Keys of all indicators known, changed only when one comes or goes. */
export const keys = signal<readonly string[]>([]);
/** Counts frames in which something changed: for what looks at many indicators at once. */
export const beat = signal(0);
/** Goes on each second. */
export const now = signal(Date.now());
/** Goes on every ten seconds: for what need not be drawn each second. */
export const slowly = computed(() => Math.floor(now.value / 10_000) * 10_000);
export const connection = signal<{ state: Connection; reason: string; since: number | null }>({
  state: "catching-up", reason: "", since: null,
});
/** What is said in place of the views, if anything. */
export const message = signal<string | null>(texts.loading);

export const time = computed(() => new ZoneTime(city.value?.time_zone ?? browserZone()));
export const isLive = computed(() => city.value?.clock !== "replay");

const known = new Map<string, Signal<Indicator>>();
/** The value that a corrected indicator had before, while the page has seen it. */
const before = new Map<string, number | null>();
let waiting: { indicator: Indicator; kind: string }[] = [];
let frame = 0;
let close = (): void => {};

/** The browser's time zone. */
export const browserZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The indicator of a key, as it changes. */
export const indicatorOf = (key: string): Signal<Indicator> | undefined => known.get(key);

/** What a corrected indicator was before, if this page saw it. */
export const valueBefore = (key: string): number | null | undefined => before.get(key);

/** All indicators as they are. */
export const allIndicators = (): Indicator[] => [...known.values()].map((one) => one.peek());

/** The name of a zone; the city's own for none. */
export function placeName(zone: string | null): string {
  if (!zone) return city.value?.name ?? "";
  return zones.value.find((one) => one.id === zone)?.name ?? zone;
}

const listeners = new Set<(indicator: Indicator) => void>();

/** Hear of every indicator that comes; returns how to stop. */
export function onIndicator(listener: (indicator: Indicator) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function later(): void {
  if (frame) return;
  // Not in a frame alone: a hidden tab gets none, and would keep everything waiting.
  frame = document.hidden ? window.setTimeout(draw, 200) : requestAnimationFrame(draw);
}

function draw(): void {
  frame = 0;
  const came = waiting;
  waiting = [];
  batch(() => {
    let isNew = false;
    for (const { indicator, kind } of came) {
      isNew = take(indicator, kind) || isNew;
      for (const listener of listeners) listener(indicator);
    }
    if (isNew) keys.value = [...known.keys()].sort();
    beat.value += 1;
  });
}

/** Keep an indicator, unless a newer window is known; says whether its key is new. */
function take(indicator: Indicator, kind: string): boolean {
  const key = keyOf(indicator.rule, indicator.zone);
  const kept = known.get(key);
  if (!kept) {
    known.set(key, signal(indicator));
    return true;
  }
  const was = kept.peek();
  if (Date.parse(was.window_begin) > Date.parse(indicator.window_begin)) return false;
  if (kind === "correction" && was.window_begin === indicator.window_begin) before.set(key, was.value);
  else if (was.window_begin !== indicator.window_begin) before.delete(key);
  kept.value = indicator;
  return false;
}

function showAll(items: Indicator[]): void {
  const there = new Set(items.map((item) => keyOf(item.rule, item.zone)));
  for (const key of known.keys()) if (!there.has(key)) known.delete(key);
  waiting = items.map((indicator) => ({ indicator, kind: "value" }));
  keys.value = [...known.keys()].sort();
  later();
}

function onEvent(kind: string, data: unknown): void {
  if (kind === "snapshot") {
    const { items, alerts } = data as Page<Indicator> & { alerts: Alert[] };
    showAll(items);
    showAlerts(alerts);
    message.value = null;
    showConnection("live");
  } else if (kind === "alert") {
    takeAlert(data as Alert & { event: string });
  } else if (isIndicator(data)) {
    waiting.push({ indicator: data, kind });
    later();
  } else if (isDatabase(data)) {
    if (data.database === "away") showConnection("lost", texts.databaseAway(data.reason));
    else showConnection("live");
  }
}

const isIndicator = (data: unknown): data is Indicator => typeof data === "object" && data !== null && "window_begin" in data;
const isDatabase = (data: unknown): data is { database: string; reason: string } =>
  typeof data === "object" && data !== null && "database" in data;

function showConnection(state: Connection, reason = ""): void {
  const was = connection.peek();
  const since = state === "lost" ? was.since ?? Date.now() : null;
  connection.value = { state, reason, since };
}

/** Something at a URL, however long it takes; what keeps it is said meanwhile. */
async function untilThere<Found>(url: string): Promise<Found> {
  for (;;) {
    try {
      return await getJson<Found>(url);
    } catch (error) {
      if (!refused.peek()) showConnection("lost", texts.noData(error instanceof Failure ? error.problem : String(error)));
      if (!known.size) message.value = texts.unreachable;
      await pause(RETRY_MS);
    }
  }
}

/** A while, or until there is another token. */
const pause = (ms: number): Promise<void> => new Promise((resolve) => {
  const over = (): void => {
    forget();
    resolve();
  };
  const forget = onToken(over);
  setTimeout(over, ms);
});

/** Show another city. */
export async function showCity(chosen: City): Promise<void> {
  close();
  known.clear();
  before.clear();
  waiting = [];
  batch(() => {
    city.value = chosen;
    zones.value = [];
    keys.value = [];
    showAlerts([]);
    message.value = texts.loading;
    showConnection("catching-up");
  });
  document.title = `${chosen.name} · CityVitals`;
  const found = await untilThere<Page<Zone>>(apiUrl(["cities", chosen.id, "zones"]));
  if (city.value !== chosen) return;
  zones.value = found.items;
  close = watch(chosen.id, {
    event: onEvent,
    current: () => showConnection("live"),
    lost: (reason) => showConnection("lost", texts.noConnection(reason)),
  });
}

/** Show the city with an id, and have the address say so. */
export function chooseCity(id: string): void {
  rememberCity(id);
  const chosen = cities.value.find((one) => one.id === id);
  if (chosen) void showCity(chosen);
}

async function loadRules(): Promise<void> {
  try {
    const { items } = await getJson<Page<Rule>>("/v1/rules");
    rules.value = new Map(items.map((rule) => [rule.id, rule]));
  } catch {
    await pause(RETRY_MS);
    await loadRules();
  }
}

/** A page that was left is kept by the browser for the way back: its stream would go on, and a browser has six connections. */
function yieldWhenLeft(): void {
  addEventListener("pagehide", () => close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

/** Begin: find the cities and show one. */
export async function start(): Promise<void> {
  setInterval(() => { now.value = Date.now(); }, 1000);
  yieldWhenLeft();
  void loadRules();
  let found = await untilThere<Page<City>>("/v1/cities");
  while (!found.items.length) {
    showConnection("live");
    message.value = texts.noCity;
    await pause(RETRY_MS);
    found = await untilThere<Page<City>>("/v1/cities");
  }
  cities.value = found.items;
  const asked = askedCity();
  const chosen = found.items.find((one) => one.id === asked) ?? found.items[0];
  if (chosen) await showCity(chosen);
}
