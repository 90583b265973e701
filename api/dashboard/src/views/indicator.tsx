// One indicator: its history with bands, gaps, corrections and coverage; its warrant; its places compared.

import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Choice } from "../choice.tsx";
import { Chart } from "../chart/chart.tsx";
import { pointsOf } from "../chart/series.ts";
import { Figure } from "../card.tsx";
import { Explain } from "../explain.tsx";
import { useJson } from "../load.ts";
import { texts } from "../messages.ts";
import { keyOf, type Indicator, type Page } from "../model.ts";
import { Chip, Message, Skeleton, Trouble } from "../parts.tsx";
import { choose, route } from "../route.ts";
import { rankOf } from "../severity.ts";
import { allIndicators, city, indicatorOf, keys, onIndicator, placeName, rules, time } from "../state.ts";
import { apiUrl } from "../stream.ts";
import { Warrant } from "../warrant.tsx";

const DAY_MS = 864e5;
const RANGES: Record<string, number> = {
  day: DAY_MS, days: 3 * DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS, quarter: 90 * DAY_MS, year: 366 * DAY_MS,
};
const POINTS = "2000";

export function IndicatorPage(): JSX.Element {
  void keys.value;
  const [rule = ""] = route.value.rest;
  const zone = route.value.query.get("zone");
  const shown = indicatorOf(keyOf(rule, zone));
  if (!shown) return <Message>{texts.unknownIndicator}</Message>;
  return <Shown key={`${rule}|${zone}`} indicator={shown.value} />;
}

function Shown({ indicator }: { indicator: Indicator }): JSX.Element {
  const definition = rules.value.get(indicator.rule);
  const rank = rankOf(indicator, definition);
  const { query } = route.value;
  const places = query.get("with")?.split(",").filter(Boolean) ?? [];
  const range = rangeOf(indicator, query);
  return (
    <article class="indicator" data-rule={indicator.rule} data-state={indicator.state}>
      <header class="indicator-head">
        <div>
          <h2>{indicator.title}</h2>
          <p class="quiet" data-part="place">{placeName(indicator.zone)} · {indicator.rule}</p>
        </div>
        <div class="indicator-now" data-part="now">
          <Figure indicator={indicator} />
          {rank && <Chip rank={rank} />}
        </div>
      </header>
      <Controls indicator={indicator} places={places} range={query.get("range") ?? rangeName(indicator)} />
      <History indicator={indicator} places={places} range={range} />
      <div class="columns">
        <Warrant indicator={indicator} />
        <Explain indicator={indicator} />
      </div>
    </article>
  );
}

function Controls({ indicator, places, range }: { indicator: Indicator; places: string[]; range: string }): JSX.Element {
  const others = allIndicators().filter((one) => one.rule === indicator.rule && one.zone !== indicator.zone);
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <div class="segments" role="group" aria-label={texts.range}>
        {Object.entries(texts.ranges).map(([name, words]) => (
          <button key={name} type="button" aria-pressed={name === range} onClick={() => choose({ range: name, from: null, to: null })}>
            {words}
          </button>
        ))}
      </div>
      {others.length > 0 && (
        <Choice label={texts.compare} value="" none="…" options={others.filter((one) => !places.includes(one.zone ?? "*"))
          .map((one) => [one.zone ?? "*", placeName(one.zone)])}
          onPick={(event) => choose({ with: [...places, (event.currentTarget as HTMLSelectElement).value].filter(Boolean).join(",") })} />
      )}
      {places.map((place) => (
        <button key={place} type="button" class="chosen" onClick={() => choose({ with: places.filter((one) => one !== place).join(",") })}>
          {placeName(place === "*" ? null : place)} <span aria-hidden="true">✕</span>
        </button>
      ))}
    </form>
  );
}

/** The stretch that fits a rule's windows. */
function rangeName(indicator: Indicator): string {
  const length = Date.parse(indicator.window_end) - Date.parse(indicator.window_begin);
  if (length <= 3600e3) return "days";
  return length <= DAY_MS + 2 * 3600e3 ? "month" : "year";
}

function rangeOf(indicator: Indicator, query: URLSearchParams): { from: number; to: number } {
  const [from, to] = [Number(query.get("from")), Number(query.get("to"))];
  if (from && to) return { from, to };
  const end = Date.parse(indicator.window_end);
  return { from: end - (RANGES[query.get("range") ?? rangeName(indicator)] ?? 3 * DAY_MS), to: end };
}

const historyUrl = (rule: string, zone: string | null, range: { from: number; to: number }, extra: Record<string, string>): string =>
  apiUrl(["cities", city.value?.id ?? "", "indicators", rule, "history"], {
    from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString(), ...(zone ? { zone } : {}), ...extra,
  });

function History({ indicator, places, range }: { indicator: Indicator; places: string[]; range: { from: number; to: number } }): JSX.Element {
  const own = useHistory(indicator.rule, indicator.zone, range);
  const [first, second, third] = places.map((place) => (place === "*" ? null : place));
  const others = [
    useHistory(places.length > 0 ? indicator.rule : null, first ?? null, range),
    useHistory(places.length > 1 ? indicator.rule : null, second ?? null, range),
    useHistory(places.length > 2 ? indicator.rule : null, third ?? null, range),
  ].slice(0, places.length);
  const lines = useMemo(
    () => [own, ...others].map((one, n) => ({
      name: placeName(n ? (places[n - 1] === "*" ? null : places[n - 1] ?? null) : indicator.zone), points: pointsOf(one.items),
    })),
    [own.items, ...others.map((one) => one.items), places.join()],
  );
  if (own.state === "failed") return <Trouble why={texts.noHistory(own.why)} again={own.again} />;
  if (own.state === "loading" && !own.items.length) return <Skeleton count={1} />;
  const link = historyUrl(indicator.rule, indicator.zone, range, {});
  return (
    <section class="history">
      <Chart lines={lines} rule={rules.value.get(indicator.rule)} range={range} time={time.value} title={indicator.title}
        onZoom={(chosen) => choose({ from: chosen && String(Math.round(chosen.from)), to: chosen && String(Math.round(chosen.to)) })} />
      <p class="quiet"><a href={link} target="_blank" rel="noopener" data-part="query">{texts.query}</a></p>
    </section>
  );
}

/** An indicator's windows in a stretch, kept up by what arrives. */
function useHistory(rule: string | null, zone: string | null, range: { from: number; to: number }):
    { state: string; items: Indicator[]; why: string; again: () => void } {
  // The end moves with every new window: what came since is added here, and not asked for again.
  const url = useMemo(() => (rule ? historyUrl(rule, zone, { from: range.from, to: range.to }, { points: POINTS }) : null),
    [rule, zone, Math.round((range.to - range.from) / 60_000)]);
  const loaded = useJson<Page<Indicator>>(url);
  const [came, setCame] = useState<Indicator[]>([]);
  useEffect(() => {
    setCame([]);
    return onIndicator((one) => {
      if (one.rule === rule && one.zone === zone) setCame((was) => [...was.slice(-500), one]);
    });
  }, [url]);
  // While another stretch is asked for, what is known stays in sight.
  const kept = useRef<Indicator[]>([]);
  if (loaded.state === "there") kept.current = loaded.found.items;
  const items = useMemo(() => merged(kept.current, came), [loaded.state, url, came]);
  return { state: loaded.state, items, why: loaded.state === "failed" ? loaded.why : "", again: loaded.again };
}

/** The newest revision of every window, ascending. */
function merged(items: Indicator[], came: Indicator[]): Indicator[] {
  const found = new Map<string, Indicator>();
  for (const one of [...items, ...came]) {
    const kept = found.get(one.window_begin);
    if (!kept || kept.revision <= one.revision) found.set(one.window_begin, one);
  }
  return [...found.values()].sort((a, b) => Date.parse(a.window_begin) - Date.parse(b.window_begin));
}
