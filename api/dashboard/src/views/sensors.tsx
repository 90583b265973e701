// Which sensors say so, and which are silent: by gateway, the silent ones first.

import type { JSX } from "preact";
import { Choice } from "../choice.tsx";
import { ageText, numberText } from "../format.ts";
import { texts } from "../messages.ts";
import { Coverage, Message, quantityName, Skeleton, Trouble } from "../parts.tsx";
import { choose, route } from "../route.ts";
import { readSensor, useSensorList, type Sensor } from "../sensors.ts";
import { now, placeName, slowly, time } from "../state.ts";

const MOST = 400;

export function Sensors(): JSX.Element {
  const loaded = useSensorList();
  if (loaded.state === "loading") return <Skeleton count={4} />;
  if (loaded.state === "failed") return <Trouble why={loaded.why} again={loaded.again} />;
  const all = loaded.found.items.map(readSensor);
  if (!all.length) return <Message part="no-sensors">{texts.noSensors}</Message>;
  const { query } = route.value;
  const found = all.filter((one) => fits(one, query)).sort(inOrder);
  const silent = all.filter((one) => one.isSilent).length;
  const stuck = all.filter((one) => one.stuck.length).length;
  return (
    <div class="sensors">
      <p role="status" data-part="count">{texts.sensorsFound(all.length, silent, stuck)}</p>
      <Filters all={all} />
      {found.length === 0 && <Message>{texts.nothingFound}</Message>}
      {found.length > 0 && <Table found={found} />}
    </div>
  );
}

function Filters({ all }: { all: Sensor[] }): JSX.Element {
  const { query } = route.value;
  const pick = (name: string) => (event: Event): void =>
    choose({ [name]: (event.currentTarget as HTMLInputElement | HTMLSelectElement).value });
  const distinct = (values: string[]): [string, string][] => [...new Set(values)].sort().map((one) => [one, one]);
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label>{texts.search}<input type="search" value={query.get("q") ?? ""} onInput={pick("q")} /></label>
      <Choice label={texts.gateway} value={query.get("gateway") ?? ""} options={distinct(all.map((one) => one.gateway))} onPick={pick("gateway")} />
      <Choice label={texts.domain} value={query.get("domain") ?? ""} onPick={pick("domain")}
        options={distinct(all.map((one) => one.domain)).map(([id]) => [id, texts.domains[id] ?? id])} />
      <Choice label={texts.status} value={query.get("status") ?? ""} options={distinct(all.map((one) => one.status))} onPick={pick("status")} />
    </form>
  );
}

function fits(one: Sensor, query: URLSearchParams): boolean {
  const is = (name: string, value: string): boolean => !query.get(name) || query.get(name) === value;
  return is("gateway", one.gateway) && is("domain", one.domain) && is("status", one.status)
    && one.id.toLowerCase().includes((query.get("q") ?? "").toLowerCase());
}

const inOrder = (a: Sensor, b: Sensor): number =>
  Number(b.isSilent) - Number(a.isSilent) || b.stuck.length - a.stuck.length || Number(b.flagged > 0) - Number(a.flagged > 0) || (a.gateway < b.gateway ? -1 : a.gateway > b.gateway ? 1 : 0) || (a.id < b.id ? -1 : 1);

function Table({ found }: { found: Sensor[] }): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={texts.views.sensors}>
      <table data-part="sensors">
        <thead>
          <tr>
            <th scope="col">{texts.sensor}</th><th scope="col">{texts.status}</th><th scope="col">{texts.lastSeen}</th>
            <th scope="col">{texts.lastDay}</th><th scope="col">{texts.flaggedName}</th><th scope="col">{texts.gateway}</th>
            <th scope="col">{texts.zone}</th><th scope="col">{texts.domain}</th><th scope="col">{texts.quantities}</th>
          </tr>
        </thead>
        <tbody>{found.slice(0, MOST).map((one) => <Line key={one.id} sensor={one} />)}</tbody>
      </table>
      {found.length > MOST && <p class="quiet">{texts.more(found.length - MOST)}</p>}
    </div>
  );
}

function Line({ sensor }: { sensor: Sensor }): JSX.Element {
  void slowly.value;
  const seen = sensor.lastSeen;
  return (
    <tr data-silent={sensor.isSilent}>
      <th scope="row">{sensor.id}</th>
      <td>
        <span class="status" data-status={sensor.status}>{sensor.status}</span>
        {sensor.stuck.length > 0 && (
          <span class="status" data-status="stuck" title={texts.stuckMeans}>{texts.stuck(sensor.stuck.map(quantityName).join(", "))}</span>
        )}
      </td>
      <td title={seen === null ? "" : time.value.full(seen)}>{seen === null ? texts.never : ageText((now.peek() - seen) / 1000)}</td>
      <td><Coverage share={sensor.coverage} title={texts.lastDay} /></td>
      <td class={sensor.flagged ? "is-noted" : ""}>{numberText(sensor.flagged, 0)}</td>
      <td>{sensor.gateway}</td>
      <td>{sensor.zone === null ? texts.none : placeName(sensor.zone)}</td>
      <td>{texts.domains[sensor.domain] ?? sensor.domain}</td>
      <td>{sensor.quantities.map(quantityName).join(", ")}</td>
    </tr>
  );
}
