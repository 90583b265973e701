// One indicator as a card: the same grammar everywhere.

import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { ageText, numberText, percentText, unitText } from "./format.ts";
import { texts } from "./messages.ts";
import { keyOf, type Indicator } from "./model.ts";
import { showMoved } from "./moved.ts";
import { Chip, Coverage } from "./parts.tsx";
import { indicatorHash } from "./route.ts";
import { rankOf } from "./severity.ts";
import { Sparkline } from "./sparkline.tsx";
import { indicatorOf, isLive, now, placeName, rules, slowly, time, valueBefore } from "./state.ts";

/** A newer window ought to have begun and even ended: nobody computes this one any more. */
export function isStale(indicator: Indicator, moment: number): boolean {
  const end = Date.parse(indicator.window_end);
  return isLive.value && moment - end > end - Date.parse(indicator.window_begin) + 120_000;
}

/** The card of an indicator that is known; `place` names its zone. */
export function Card({ id, place = false, spark = false }: { id: string; place?: boolean; spark?: boolean }): JSX.Element | null {
  const shown = indicatorOf(id);
  if (!shown) return null;
  const indicator = shown.value;
  const rank = rankOf(indicator, rules.value.get(indicator.rule));
  const moment = time.value;
  const [begin, end] = [Date.parse(indicator.window_begin), Date.parse(indicator.window_end)];
  return (
    <article class={`card${isStale(indicator, slowly.value) ? " is-stale" : ""}`} data-rule={indicator.rule}
      data-zone={indicator.zone ?? ""} data-state={indicator.state}>
      <h3><a href={indicatorHash(indicator.rule, indicator.zone)}>{indicator.title}</a></h3>
      {place && <p class="quiet place-name">{placeName(indicator.zone)}</p>}
      <Figure indicator={indicator} />
      {rank && <Chip rank={rank} />}
      {spark && <Sparkline indicator={indicator} />}
      <p class="when">
        <span data-part="window">{moment.window(begin, end, slowly.value)}</span>{" · "}
        <span data-part="state" title={stateTitle(indicator)}>{texts.state[indicator.state]}</span>
      </p>
      <div class="foot">
        <Coverage share={indicator.coverage} title={coverageTitle(indicator)} />
        <Age indicator={indicator} />
      </div>
    </article>
  );
}

/** The value in large figures, or the reason why there is none. */
export function Figure({ indicator }: { indicator: Indicator }): JSX.Element {
  const value = useRef<HTMLSpanElement>(null);
  const last = useRef(indicator.value);
  useLayoutEffect(() => { // in the frame that draws the value
    if (last.current === indicator.value) return;
    last.current = indicator.value;
    if (value.current) showMoved(value.current);
  }, [indicator.value]);
  if (indicator.value === null) {
    return <p class="reason" data-part="reason" title={indicator.reason}>{indicator.reason || texts.notEnough}</p>;
  }
  return (
    <p class="figure">
      <span ref={value} data-part="value">{numberText(indicator.value, indicator.digits)}</span>
      <span class="unit">{"\u202f"}{unitText(indicator.unit)}</span>
    </p>
  );
}

function Age({ indicator }: { indicator: Indicator }): JSX.Element {
  const computed = Date.parse(indicator.computed_at);
  const stale = isStale(indicator, slowly.value);
  const title = `${texts.computed(time.value.full(computed))}${stale ? `; ${texts.stale}` : ""}`;
  // What is stale may be computed anew all the time: it is as old as its window.
  return <span data-part="age" title={title}><Seconds since={stale ? Date.parse(indicator.window_end) : computed} /></span>;
}

/** Its own component, so that a second that passes draws it alone. */
function Seconds({ since }: { since: number }): JSX.Element {
  return <>{ageText((now.value - since) / 1000)}</>;
}

function stateTitle(indicator: Indicator): string {
  const was = valueBefore(keyOf(indicator.rule, indicator.zone));
  const shown = (value: number | null): string => (value === null ? texts.noValue : numberText(value, indicator.digits));
  if (indicator.state === "corrected" && was !== undefined) return texts.corrected(shown(was), shown(indicator.value));
  return texts.revision(texts.state[indicator.state], indicator.revision);
}

/** What a coverage rests on, in words. */
export function coverageTitle(indicator: Indicator): string {
  const silent = indicator.silent.length ? [texts.silent(indicator.silent)] : [];
  return [texts.covered(percentText(indicator.coverage)), texts.stations(indicator.stations), ...silent].join("; ");
}
