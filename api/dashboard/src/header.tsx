// The header that never leaves: city, its time, how complete, connection, views, theme.

import type { JSX } from "preact";
import { openAlerts } from "./alerts.ts";
import { completeOf } from "./complete.ts";
import { texts } from "./messages.ts";
import { hashOf, route, type View } from "./route.ts";
import { allIndicators, beat, browserZone, chooseCity, cities, city, connection, isLive, keys, now, time } from "./state.ts";
import { choice, nextTheme } from "./theme.ts";
import { ZoneTime } from "./time.ts";
import { LATE_MS } from "./views/data.tsx";

const SHOWN: View[] = ["overview", "map", "indicators", "scores", "alerts", "sensors", "data", "wall"];

export function Header(): JSX.Element {
  return (
    <header class="bar">
      <div class="bar-row">
        <Place />
        <Clock />
        <Complete />
        <OpenAlerts />
        <Connection />
        <button type="button" class="theme" onClick={nextTheme} title={texts.theme[choice.value]}
          aria-label={texts.theme[choice.value]} data-part="theme">
          {{ auto: "◐", light: "☀", dark: "☾" }[choice.value]}
        </button>
      </div>
      <nav class="views" aria-label={texts.views_label}>
        {SHOWN.map((view) => (
          <a key={view} href={hashOf(view)} aria-current={isCurrent(view) ? "page" : undefined}>{texts.views[view]}</a>
        ))}
      </nav>
      <Notice />
    </header>
  );
}

const isCurrent = (view: View): boolean =>
  route.value.view === view || (view === "indicators" && route.value.view === "indicator");

function Place(): JSX.Element {
  return (
    <div class="place">
      <h1 class="unseen">CityVitals</h1>
      <label class="unseen" for="city">{texts.city}</label>
      <select id="city" disabled={cities.value.length < 2} value={city.value?.id ?? ""}
        onChange={(event) => chooseCity(event.currentTarget.value)}>
        {cities.value.map((one) => <option key={one.id} value={one.id}>{one.name}</option>)}
      </select>
    </div>
  );
}

function Clock(): JSX.Element | null {
  if (!city.value) return null;
  const zone = city.value.time_zone;
  if (!isLive.value) return <p class="fact" data-part="clock"><b>{texts.replay}</b>, {zone}</p>;
  const own = browserZone();
  const title = own === zone ? texts.cityZone(zone)
    : `${texts.cityZone(zone)}; ${texts.browserZone(new ZoneTime(own).seconds(now.value), own)}`;
  return <p class="fact" data-part="clock" title={title}><b>{time.value.seconds(now.value)}</b> {time.value.name(now.value)}</p>;
}

/** Up to when the data of every domain is complete. */
function Complete(): JSX.Element | null {
  void beat.value;
  void keys.value;
  const known = completeOf(allIndicators());
  if (!city.value || !known.length) return null;
  const at = Math.min(...known.map((one) => one.at));
  const isLate = isLive.value && now.value - at > LATE_MS;
  const words = known.map((one) => `${texts.domains[one.domain] ?? one.domain}: ${time.value.near(one.at, now.value)}`).join("\n");
  return (
    <p class={`fact${isLate ? " is-late" : ""}`} data-part="complete" title={words}>
      {texts.completeTo} <b>{isLive.value ? time.value.near(at, now.value) : time.value.full(at)}</b>
    </p>
  );
}

/** How many alerts last, and how many of them nobody has taken note of. */
function OpenAlerts(): JSX.Element | null {
  const open = openAlerts.value;
  if (!city.value) return null;
  const fresh = open.filter((one) => !one.acknowledged).length;
  return (
    <p class="fact" data-part="open-alerts" data-fresh={fresh} role="status">
      {open.length ? <a href={hashOf("alerts")} class={fresh ? "is-bad" : ""}>{texts.openAlerts(open.length, fresh)}</a> : texts.noOpenAlerts}
    </p>
  );
}

function Connection(): JSX.Element {
  const { state, since } = connection.value;
  const words = state === "lost" && since ? `${texts.connection.lost} ${time.value.seconds(since)}` : texts.connection[state];
  return <p class="fact connection" data-part="connection" data-state={state} role="status">{words}</p>;
}

function Notice(): JSX.Element | null {
  const { state, reason } = connection.value;
  if (state !== "lost") return null;
  return <p id="notice" class="notice" role="alert">{reason}. {keys.value.length ? texts.knownLast : texts.tryingAgain}</p>;
}
