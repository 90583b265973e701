// Alerts: those that last, with who has taken note; those that ended, and what happened to each.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { alertRank, peakText, spanText, thresholdText } from "../alert-line.tsx";
import { acknowledge, alertsTold, openAlerts } from "../alerts.ts";
import { Choice } from "../choice.tsx";
import { useJson } from "../load.ts";
import { texts } from "../messages.ts";
import type { Alert, AlertHistory, Page } from "../model.ts";
import { Chip, Message, Skeleton, Trouble } from "../parts.tsx";
import { choose, indicatorHash, route } from "../route.ts";
import { city, now, placeName, time, zones } from "../state.ts";
import { apiUrl, Failure } from "../stream.ts";
import { token } from "../token.ts";

const MOST = "100";

export function AlertsPage(): JSX.Element {
  const { query } = route.value;
  const open = openAlerts.value.filter((one) => fits(one, query));
  return (
    <div class="alerts">
      <Filters />
      <section aria-labelledby="open-title">
        <h2 id="open-title">{texts.alertsOpen}</h2>
        {open.length ? <List alerts={open} /> : <Message part="no-alerts">{texts.noAlerts}</Message>}
      </section>
      <Past />
    </div>
  );
}

function Filters(): JSX.Element {
  const { query } = route.value;
  const pick = (name: string) => (event: Event): void => choose({ [name]: (event.currentTarget as HTMLSelectElement).value });
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <Choice label={texts.severityName} value={query.get("severity") ?? ""} options={Object.entries(texts.severity)} onPick={pick("severity")} />
      <Choice label={texts.zone} value={query.get("zone") ?? ""} onPick={pick("zone")}
        options={[["*", texts.wholeCity], ...zones.value.map((one): [string, string] => [one.id, one.name])]} />
      {query.get("alert") && (
        <button type="button" class="chosen" onClick={() => choose({ alert: null })}>
          {texts.alertOne} <span aria-hidden="true">✕</span>
        </button>
      )}
    </form>
  );
}

function fits(one: Alert, query: URLSearchParams): boolean {
  const [severity, zone] = [query.get("severity"), query.get("zone")];
  const alert = query.get("alert");
  return (!alert || one.alert === alert) && (!severity || one.severity === severity) && (!zone || (one.zone ?? "*") === zone);
}

/** Alerts that ended, the newest first; asked again when anything happens to one. */
function Past(): JSX.Element {
  const { query } = route.value;
  const [severity, zone] = [query.get("severity"), query.get("zone")];
  const asked = {
    state: "cleared,withdrawn", limit: MOST, ...(severity ? { severity } : {}), ...(zone ? { zone: zone === "*" ? "" : zone } : {}),
  };
  const url = apiUrl(["cities", city.value?.id ?? "", "alerts"], asked);
  const loaded = useJson<Page<Alert>>(url, 0, undefined, alertsTold.value);
  return (
    <section aria-labelledby="past-title">
      <h2 id="past-title">{texts.alertsPast}</h2>
      {loaded.state === "loading" && <Skeleton count={2} />}
      {loaded.state === "failed" && <Trouble why={loaded.why} again={loaded.again} />}
      {loaded.state === "there" && (loaded.found.items.length
        ? <List alerts={loaded.found.items} /> : <p class="quiet">{texts.noPastAlerts}</p>)}
    </section>
  );
}

function List({ alerts }: { alerts: Alert[] }): JSX.Element {
  return <ul>{alerts.map((one) => <Item key={one.id} alert={one} />)}</ul>;
}

function Item({ alert }: { alert: Alert }): JSX.Element {
  const isFresh = alert.state === "active" && !alert.acknowledged;
  return (
    <li class="alert" data-alert={alert.alert} data-id={alert.id} data-state={alert.state} data-fresh={isFresh}
      style={isFresh ? { borderLeftColor: alertRank(alert).colour ?? "" } : {}}>
      <div class="alert-head">
        <Chip rank={alertRank(alert)} />
        <a href={indicatorHash(alert.rule, alert.zone)}>{alert.title}</a>
        <span class="where">{placeName(alert.zone)}</span>
        <span data-part="since">{spanText(alert)}</span>
        <span data-part="peak">{texts.peak(peakText(alert))}</span>
        <span class="quiet" title={alert.source}>{thresholdText(alert)}</span>
        {alert.state !== "active" && <span class="quiet" data-part="state">{texts.alertState[alert.state]}</span>}
        {alert.acknowledged && <Acknowledged alert={alert} />}
        {isFresh && <Acknowledge alert={alert} />}
      </div>
      <What alert={alert} />
    </li>
  );
}

function Acknowledged({ alert }: { alert: Alert }): JSX.Element | null {
  if (!alert.acknowledged) return null;
  const { by, at, comment } = alert.acknowledged;
  return (
    <span data-part="acknowledged">
      {texts.acknowledgedBy(by, time.value.near(Date.parse(at), now.peek()))}{comment && `: ${comment}`}
    </span>
  );
}

/** A button that opens a form: a comment, and the token where this tab has none. */
function Acknowledge({ alert }: { alert: Alert }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const [why, setWhy] = useState("");
  const [secret, setSecret] = useState(token.peek());
  const [comment, setComment] = useState("");
  const label = texts.acknowledgeOf(alert.title, placeName(alert.zone));
  if (!isOpen) return <button type="button" aria-label={label} onClick={() => setOpen(true)}>{texts.acknowledge}</button>;
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await acknowledge(city.peek()?.id ?? "", alert, secret, comment);
    } catch (error) {
      setWhy(error instanceof Failure ? error.problem : String(error));
    }
  };
  return (
    <form aria-label={label} onSubmit={(event) => void send(event)}>
      <label>{texts.comment}
        <input name="comment" maxLength={1000} value={comment} autoFocus onInput={(event) => setComment(event.currentTarget.value)} />
      </label>
      <label>{texts.token}
        <input name="token" type="password" required autoComplete="off" value={secret} onInput={(event) => setSecret(event.currentTarget.value.trim())} />
      </label>
      <button type="submit">{texts.send}</button>
      <button type="button" onClick={() => setOpen(false)}>{texts.cancel}</button>
      <p class="hint">{texts.tokenHint}</p>
      {why && <p class="is-bad" role="alert">{texts.notAcknowledged(why)}</p>}
    </form>
  );
}

/** What happened to an alert, asked for when it is opened. */
function What({ alert }: { alert: Alert }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const url = apiUrl(["cities", city.value?.id ?? "", "alerts", String(alert.id)]);
  const loaded = useJson<AlertHistory>(isOpen ? url : null, 0, undefined, alert.events);
  return (
    <details onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
      <summary>{texts.whatHappened}</summary>
      {loaded.state === "failed" && <Trouble why={loaded.why} again={loaded.again} />}
      {loaded.state === "there" && (
        <ol data-part="history">
          {loaded.found.history.map((one) => (
            <li key={one.number}>
              {time.value.near(Date.parse(one.at), now.peek())} {texts.alertEvent[one.event]}
              {one.by && ` (${one.by}${one.comment ? `: ${one.comment}` : ""})`}
            </li>
          ))}
        </ol>
      )}
    </details>
  );
}
