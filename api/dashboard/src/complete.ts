// Up to when data is complete. All pure.

import { domainsOf } from "./headline.ts";
import type { Indicator } from "./model.ts";

/** Of a domain: up to when all its places are complete, and which gateways that leaves out as silent. */
export interface Complete {
  domain: string;
  at: number;
  silent: string[];
}

/** The watermark of each domain: that of its place which is furthest behind. Of a place the furthest counts,
 * for what has long windows is computed now and then, and says how far its gateways were then. */
export function completeOf(all: Indicator[]): Complete[] {
  return domainsOf(all).flatMap((domain) => {
    const own = all.filter((one) => one.domain === domain);
    const places = new Map<string | null, number>();
    for (const one of own) {
      if (one.watermark) places.set(one.zone, Math.max(places.get(one.zone) ?? 0, Date.parse(one.watermark)));
    }
    const silent = [...new Set(own.flatMap((one) => one.silent))].sort();
    return places.size ? [{ domain, at: Math.min(...places.values()), silent }] : [];
  });
}
