// Which indicators stand for a city at a glance: the first of each kind that it has. All pure.

import type { Indicator } from "./model.ts";

/** For each domain its slots; each slot shows the first rule that the city has. */
const SLOTS: Record<string, string[][]> = {
  air: [
    ["air.eaqi.hour", "air.us_aqi.nowcast", "air.daqi.hour", "air.naqi.day", "air.caqi.hour"],
    ["air.pm2_5.hour", "air.pm2_5.day"],
    ["air.no2.hour", "air.no2.day"],
    ["air.o3.hour", "air.o3_8h.hour", "air.o3.day"],
    ["air.pm10.hour", "air.pm10.day"],
  ],
  noise: [["noise.lden.day"], ["noise.lnight.day"]],
  energy: [["energy.electricity.hour"], ["energy.electricity_per_capita.day"], ["energy.load_factor.day"]],
  water: [["water.supplied.day", "water.supplied.hour"], ["water.supplied_per_capita.day"], ["water.night_flow.day"]],
  traffic: [["traffic.speed.hour"], ["traffic.travel_time_index.day"], ["traffic.space_mean_speed.hour"]],
  weather: [["weather.temperature.hour"]],
};

/** The order in which domains are shown. */
export const DOMAINS = ["air", "noise", "energy", "water", "traffic", "weather"];

const rank = (domain: string): number => {
  const place = DOMAINS.indexOf(domain);
  return place < 0 ? DOMAINS.length : place;
};

/** Domains that there are, in their order. */
export function domainsOf(indicators: Indicator[]): string[] {
  return [...new Set(indicators.map((one) => one.domain))].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** The headline rules of a domain; for one without slots that has something, its first two. */
export function headlineRules(domain: string, there: ReadonlySet<string>): string[] {
  const found = (SLOTS[domain] ?? []).flatMap((slot) => slot.find((rule) => there.has(rule)) ?? []);
  return found.length ? found : [...there].sort().slice(0, 2);
}

/** The headline rules of all domains of some indicators, in order. */
export function headlines(indicators: Indicator[]): { domain: string; rules: string[] }[] {
  return domainsOf(indicators).map((domain) => {
    const there = new Set(indicators.filter((one) => one.domain === domain).map((one) => one.rule));
    return { domain, rules: headlineRules(domain, there) };
  });
}
