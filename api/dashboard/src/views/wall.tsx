// The wall: legible at five metres, city, then the worst zones, then what needs attention; no pointer needed.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { alertRank, peakText } from "../alert-line.tsx";
import { groupsOf, onRaised, openAlerts, type AlertGroup } from "../alerts.ts";
import { amountText } from "../format.ts";
import { Card } from "../card.tsx";
import { headlines } from "../headline.ts";
import { texts } from "../messages.ts";
import { keyOf, type Indicator } from "../model.ts";
import { Chip, Message } from "../parts.tsx";
import { hashOf, route } from "../route.ts";
import { rankOf } from "../severity.ts";
import { allIndicators, beat, indicatorOf, keys, placeName, rules } from "../state.ts";
import { worst } from "./overview.tsx";

const SCENES = ["city", "zones", "attention"] as const;
const SCENE_MS = 15_000;
const MOST = 6;

export function Wall(): JSX.Element {
  void keys.value;
  const [turn, setTurn] = useState(0);
  const everyMs = Number(route.value.query.get("every")) * 1000 || SCENE_MS;
  const [news, setNews] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTurn((was) => was + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, news]);
  useEffect(() => onRaised(() => {
    // What is new stands there for a whole turn.
    setTurn(SCENES.indexOf("attention"));
    setNews((was) => was + 1);
  }), []);
  const scene = SCENES[turn % SCENES.length] ?? "city";
  return (
    <div class="wall" data-scene={scene}>
      <a class="leave" href={hashOf("overview")}>{texts.leave}</a>
      {scene === "city" && <CityScene />}
      {scene === "zones" && <ZonesScene />}
      {scene === "attention" && <AttentionScene />}
    </div>
  );
}

function CityScene(): JSX.Element {
  const ids = headlines(allIndicators()).flatMap(({ rules: found }) => found.map((rule) => keyOf(rule, null)));
  const there = ids.filter((id) => indicatorOf(id)).slice(0, 9);
  if (!there.length) return <Message>{texts.noIndicator}</Message>;
  return <div class="wall-cards">{there.map((id) => <Card key={id} id={id} />)}</div>;
}

/** Of each headline rule with bands, the zone that is worst off. */
function ZonesScene(): JSX.Element {
  void beat.value;
  const found = headlines(allIndicators()).flatMap(({ rules: ids }) => ids.flatMap((rule) => worstPlace(rule) ?? []));
  if (!found.length) return <Message>{texts.noIndicator}</Message>;
  return (
    <ul class="wall-list">
      {found.slice(0, 6).map((one) => <Line key={keyOf(one.rule, one.zone)} indicator={one} />)}
    </ul>
  );
}

function worstPlace(rule: string): Indicator | null {
  const places = allIndicators().filter((one) => one.rule === rule && one.zone !== null && one.value !== null);
  const higher = rules.value.get(rule)?.direction === "higher" ? -1 : 1;
  return places.sort((a, b) => higher * ((b.value ?? 0) - (a.value ?? 0)))[0] ?? null;
}

function AttentionScene(): JSX.Element {
  void beat.value;
  const bad = worst(allIndicators());
  const alerts = groupsOf(openAlerts.value);
  if (!bad.length && !alerts.length) return <Message part="calm">{texts.allWell}</Message>;
  return (
    <ul class="wall-list">
      {alerts.slice(0, MOST).map((group) => <AlertWallLine key={group.worst.alert} group={group} />)}
      {bad.slice(0, Math.max(0, MOST - alerts.length)).map(({ indicator }) => <Line key={keyOf(indicator.rule, indicator.zone)} indicator={indicator} />)}
    </ul>
  );
}

function AlertWallLine({ group }: { group: AlertGroup }): JSX.Element {
  const { worst: alert, alerts } = group;
  return (
    <li data-alert={alert.alert}>
      <span class="wall-place">{placeName(alert.zone)}{alerts.length > 1 && <small> {texts.andPlaces(alerts.length - 1)}</small>}</span>
      <span class="wall-title">{alert.title}</span>
      <b class="wall-value">{peakText(alert)}</b>
      <Chip rank={alertRank(alert)} />
    </li>
  );
}

function Line({ indicator }: { indicator: Indicator }): JSX.Element {
  const rank = rankOf(indicator, rules.value.get(indicator.rule));
  return (
    <li data-state={indicator.state}>
      <span class="wall-place">{placeName(indicator.zone)}</span>
      <span class="wall-title">{indicator.title}</span>
      <b class="wall-value">{indicator.value === null ? texts.noValue : amountText(indicator.value, indicator.digits, indicator.unit)}</b>
      {rank && <Chip rank={rank} />}
    </li>
  );
}
