// How bad an indicator is, from its rule's bands. All pure.

import type { Band, Indicator, Rule } from "./model.ts";

/** A band as drawn: its place among the rule's bands from best (0) to worst (1). */
export interface Rank {
  name: string;
  colour: string | null;
  severity: number;
}

/** The band that a value falls in, with how bad it is; null where the rule has none. */
export function rankOf(indicator: Indicator, rule: Rule | undefined): Rank | null {
  if (!rule || rule.bands.length < 2 || indicator.value === null || indicator.band === null) return null;
  const place = rule.bands.findIndex((band) => band.name === indicator.band);
  const band = rule.bands[place];
  if (!band) return null;
  return { name: band.name, colour: band.colour ?? null, severity: severityOf(place, rule) };
}

/** 0 for a rule's best band, 1 for its worst. */
export function severityOf(place: number, rule: Rule): number {
  const share = place / (rule.bands.length - 1);
  return rule.direction === "higher" ? 1 - share : share;
}

/** The shape beside a band's name: how bad it is without colour. */
export function shapeOf(severity: number): string {
  return ["●", "◐", "▲", "◆", "■"][Math.min(4, Math.floor(severity * 5))] ?? "●";
}

/** Bands as stretches of values, for a chart's background: [from, to), null without end. */
export function stretches(bands: Band[]): { name: string; colour: string | null; from: number | null; to: number | null }[] {
  return bands.map((band, n) => ({
    name: band.name, colour: band.colour ?? null, from: n ? bands[n - 1]?.to ?? null : null, to: band.to,
  }));
}
