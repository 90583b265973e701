// The overview: what is bad now and where, the headline indicators, every zone in one table.

import type { JSX } from "preact";
import { AlertLine } from "../alert-line.tsx";
import { groupsOf, openAlerts } from "../alerts.ts";
import { amountText, percentText } from "../format.ts";
import { Card, coverageTitle, isStale } from "../card.tsx";
import { headlines } from "../headline.ts";
import { useJson } from "../load.ts";
import { texts } from "../messages.ts";
import { keyOf, type Indicator, type Ledger } from "../model.ts";
import { Chip, Message } from "../parts.tsx";
import { hashOf, indicatorHash } from "../route.ts";
import { rankOf, type Rank } from "../severity.ts";
import { Since } from "../since.tsx";
import { allIndicators, beat, city, indicatorOf, keys, placeName, rules, slowly, zones } from "../state.ts";
import { apiUrl } from "../stream.ts";
import { SmallWheel } from "./scores.tsx";

const WORTH_A_LOOK = 0.5;
const MOST = 5;
const MOST_BAD = 3;

export function Overview(): JSX.Element {
  void keys.value;
  const shown = headlines(allIndicators());
  if (!shown.length) return <Message>{texts.noIndicator}</Message>;
  return (
    <div class="overview">
      <div class="overview-top">
        <Attention />
        <SmallWheel />
      </div>
      <section class="headlines" aria-labelledby="headline-title">
        <h2 id="headline-title">{texts.headline}</h2>
        {shown.map(({ domain, rules: ids }) => (
          <section key={domain} class="domain" aria-label={texts.domains[domain] ?? domain} style={{ "--cards": ids.length }}>
            <h3>{texts.domains[domain] ?? domain}</h3>
            <div class="cards">
              {ids.map((rule) => <Headline key={rule} rule={rule} />)}
            </div>
          </section>
        ))}
      </section>
      <ZoneTable rules={shown.flatMap((one) => one.rules)} />
    </div>
  );
}

/** The city's own value of a rule; where it has none, its first zone's. */
function Headline({ rule }: { rule: string }): JSX.Element | null {
  const own = keyOf(rule, null);
  if (indicatorOf(own)) return <Card id={own} spark />;
  const other = keys.value.find((key) => key.startsWith(`${rule}|`));
  return other ? <Card id={other} spark place /> : null;
}

/** What is bad now, where, since when, how sure; then what is missing. */
function Attention(): JSX.Element {
  void beat.value;
  const all = allIndicators();
  const bad = worst(all);
  const headline = new Set(headlines(all).flatMap((one) => one.rules));
  const without = all.filter((one) => one.value === null && headline.has(one.rule));
  const stale = all.filter((one) => headline.has(one.rule) && isStale(one, slowly.value));
  const silent = [...new Set(all.flatMap((one) => one.silent))].sort();
  const ledger = useJson<Ledger>(apiUrl(["cities", city.value?.id ?? "", "ledger"]), 10_000);
  const open = ledger.state === "there" && !ledger.found.closes;
  const alerts = groupsOf(openAlerts.value);
  const isCalm = !alerts.length && !bad.length && !without.length && !silent.length && !stale.length && !open;
  return (
    <section class="attention" aria-labelledby="attention-title" data-part="attention" data-calm={isCalm}>
      <h2 id="attention-title">{texts.attention}</h2>
      {isCalm && <p class="calm">{texts.allWell}</p>}
      <ul>
        {alerts.slice(0, MOST).map((group) => <li key={group.worst.alert} data-alert={group.worst.alert}><AlertLine group={group} /></li>)}
        {alerts.length > MOST && <li><a href={hashOf("alerts")}>{texts.moreAlerts(alerts.length - MOST)}</a></li>}
        {bad.slice(0, MOST_BAD).map(({ indicator, rank }) => <Bad key={keyOf(indicator.rule, indicator.zone)} indicator={indicator} rank={rank} />)}
        {bad.length > MOST_BAD && <li><a href={hashOf("indicators", [], { band: "worse" })} data-part="more-bad">{texts.moreBad(bad.length - MOST_BAD)}</a></li>}
        {open && <li class="is-bad"><a href={hashOf("data")}>{texts.doesNotClose}</a></li>}
        {silent.length > 0 && (
          <li><a href={hashOf("sensors")}>{texts.silentGateways(silent.length)}</a> <span class="quiet">{silent.join(", ")}</span></li>
        )}
        {stale.length > 0 && (
          <li data-part="stale">
            <a href={indicatorHash(stale[0]?.rule ?? "", stale[0]?.zone ?? null)}>{texts.staleHeadlines(stale.length)}</a>{" "}
            <span class="quiet">{titlesOf(stale)}</span>
          </li>
        )}
        {without.length > 0 && (
          <li>
            <a href={hashOf("indicators", [], { state: "insufficient" })}>{texts.withoutValue(without.length)}</a>{" "}
            <span class="quiet">{titlesOf(without)}</span>
          </li>
        )}
      </ul>
    </section>
  );
}

const titlesOf = (some: Indicator[]): string => [...new Set(some.map((one) => one.title))].slice(0, 4).join(", ");

/** The rank of an indicator in the worse half of its bands. */
export function worseRank(indicator: Indicator): Rank | null {
  const rank = rankOf(indicator, rules.value.get(indicator.rule));
  return rank && rank.severity >= WORTH_A_LOOK ? rank : null;
}

/** Indicators in the worse half of their bands: headlines first, then the worst; of a rule its worst place. */
export function worst(all: Indicator[]): { indicator: Indicator; rank: Rank }[] {
  const headline = new Set(headlines(all).flatMap((one) => one.rules));
  const found = all.flatMap((indicator) => {
    const rank = worseRank(indicator);
    return rank ? [{ indicator, rank }] : [];
  });
  found.sort((a, b) => Number(headline.has(b.indicator.rule)) - Number(headline.has(a.indicator.rule))
    || b.rank.severity - a.rank.severity || (a.indicator.title < b.indicator.title ? -1 : 1));
  const seen = new Set<string>();
  return found.filter(({ indicator }) => {
    if (seen.has(indicator.rule)) return false;
    seen.add(indicator.rule);
    return true;
  });
}

function Bad({ indicator, rank }: { indicator: Indicator; rank: Rank }): JSX.Element {
  return (
    <li>
      <Chip rank={rank} />{" "}
      <a href={indicatorHash(indicator.rule, indicator.zone)}>
        {indicator.title} <b>{amountText(indicator.value ?? 0, indicator.digits, indicator.unit)}</b>
      </a>{" "}
      <span class="where">{placeName(indicator.zone)}</span>{" "}
      <Since indicator={indicator} severity={WORTH_A_LOOK} />{" "}
      <span class="quiet" title={coverageTitle(indicator)}>
        {texts.sureness(percentText(indicator.coverage), indicator.stations)}
      </span>
    </li>
  );
}

/** Every zone's value of every headline rule. */
function ZoneTable({ rules: ids }: { rules: string[] }): JSX.Element | null {
  if (!zones.value.length) return null;
  const there = ids.filter((rule) => zones.value.some((zone) => indicatorOf(keyOf(rule, zone.id))));
  if (!there.length) return null;
  return (
    <section class="zones" aria-labelledby="zones-title">
      <h2 id="zones-title">{texts.byZone}</h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="zones-title">
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.zone}</th>
              {there.map((rule) => <th key={rule} scope="col">{titleOfRule(rule)}</th>)}
            </tr>
          </thead>
          <tbody>
            {zones.value.map((zone) => (
              <tr key={zone.id}>
                <th scope="row">{zone.name}</th>
                {there.map((rule) => <Cell key={rule} id={keyOf(rule, zone.id)} />)}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const titleOfRule = (rule: string): string =>
  allIndicators().find((one) => one.rule === rule)?.title ?? rules.value.get(rule)?.title ?? rule;

/** One value in a table, in the cards' grammar. */
export function Cell({ id }: { id: string }): JSX.Element {
  const indicator = indicatorOf(id)?.value;
  if (!indicator) return <td class="is-absent" aria-label={texts.noValue} />;
  const rank = rankOf(indicator, rules.value.get(indicator.rule));
  const title = `${coverageTitle(indicator)}; ${texts.state[indicator.state]}`;
  return (
    <td data-state={indicator.state} title={indicator.value === null ? indicator.reason : title}>
      <a href={indicatorHash(indicator.rule, indicator.zone)}>
        {rank?.colour && <i class="swatch" style={{ background: rank.colour }} aria-hidden="true" />}
        {indicator.value === null ? "–" : amountText(indicator.value, indicator.digits, indicator.unit)}
      </a>
    </td>
  );
}
