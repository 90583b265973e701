// Since when an indicator has been as bad as it is.

import type { JSX } from "preact";
import { useJson } from "./load.ts";
import { texts } from "./messages.ts";
import type { Indicator, Page } from "./model.ts";
import { rankOf } from "./severity.ts";
import { city, now, rules, time } from "./state.ts";
import { apiUrl } from "./stream.ts";

const WINDOWS_BACK = 72;

/** "since 14:00": the begin of the first window of the run that lasts until now. */
export function Since({ indicator, severity }: { indicator: Indicator; severity: number }): JSX.Element {
  const loaded = useJson<Page<Indicator>>(pastUrl(indicator));
  if (loaded.state !== "there") return <span class="since" data-part="since" />;
  const { from, isWhole } = beginOf(loaded.found.items, indicator, severity);
  const words = time.value.near(from, now.peek());
  return <span class="since" data-part="since">{isWhole ? texts.sinceBefore(words) : texts.since(words)}</span>;
}

function pastUrl(indicator: Indicator): string {
  const [begin, end] = [Date.parse(indicator.window_begin), Date.parse(indicator.window_end)];
  const query = {
    from: new Date(begin - WINDOWS_BACK * (end - begin)).toISOString(),
    to: indicator.window_begin,
    ...(indicator.zone ? { zone: indicator.zone } : {}),
  };
  return apiUrl(["cities", city.peek()?.id ?? "", "indicators", indicator.rule, "history"], query);
}

function beginOf(past: Indicator[], indicator: Indicator, severity: number): { from: number; isWhole: boolean } {
  const rule = rules.peek().get(indicator.rule);
  let from = Date.parse(indicator.window_begin);
  for (const one of past.toReversed()) {
    const rank = rankOf(one, rule);
    if (!rank || rank.severity < severity || Date.parse(one.window_end) < from) return { from, isWhole: false };
    from = Date.parse(one.window_begin);
  }
  return { from, isWhole: past.length > 0 };
}
