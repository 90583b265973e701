// Where the user is: the city in the query, the view and its choices in the hash, so that a link says all.

import { computed, signal } from "@preact/signals";

export type View = "overview" | "map" | "indicators" | "indicator" | "scores" | "alerts" | "sensors" | "data" | "wall";

export interface Route {
  view: View;
  rest: string[];
  query: URLSearchParams;
}

const VIEWS: View[] = ["overview", "map", "indicators", "indicator", "scores", "alerts", "sensors", "data", "wall"];

/** The route that a hash says; what is unknown is the overview. */
export function readHash(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [first = "", ...rest] = path.split("/").map(decodeURIComponent);
  const view = VIEWS.find((one) => one === first) ?? "overview";
  return { view, rest, query: new URLSearchParams(query) };
}

/** The hash of a view: `#/indicator/air.pm2_5.hour?zone=centro`. */
export function hashOf(view: View, rest: string[] = [], query: Record<string, string | null> = {}): string {
  const kept = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== null && pair[1] !== "");
  const search = new URLSearchParams(kept).toString();
  const path = view === "overview" ? [] : [view, ...rest.map(encodeURIComponent)];
  return `#/${path.join("/")}${search ? `?${search}` : ""}`;
}

/** The page of one indicator. */
export const indicatorHash = (rule: string, zone: string | null): string => hashOf("indicator", [rule], { zone });

const hash = signal(location.hash);
window.addEventListener("hashchange", () => { hash.value = location.hash; });

export const route = computed(() => readHash(hash.value));

/** Change one choice of the view without a step in the browser's history. */
export function choose(changes: Record<string, string | null>): void {
  const { view, rest, query } = route.value;
  const all = { ...Object.fromEntries(query), ...changes };
  history.replaceState(null, "", `${location.search}${hashOf(view, rest, all)}`);
  hash.value = location.hash;
}

/** The city that the address asks for. */
export const askedCity = (): string | null => new URLSearchParams(location.search).get("city");

/** Have the address ask for a city. */
export function rememberCity(city: string): void {
  history.replaceState(null, "", `?city=${encodeURIComponent(city)}${location.hash}`);
}
