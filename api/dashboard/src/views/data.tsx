// Is the data complete: the ledger by gateway, what is in flight, how far each domain reaches.

import type { JSX } from "preact";
import { completeOf } from "../complete.ts";
import { ageText, numberText } from "../format.ts";
import { useJson } from "../load.ts";
import { texts } from "../messages.ts";
import type { Counts, Ledger } from "../model.ts";
import { Skeleton, Trouble } from "../parts.tsx";
import { allIndicators, beat, city, isLive, now, time } from "../state.ts";
import { apiUrl } from "../stream.ts";
import { hashOf } from "../route.ts";

/** Hourly means come an hour after their window began. */
export const LATE_MS = 2 * 3600e3;

const EVERY_MS = 2_000;
const COLUMNS: [keyof Counts, string][] = [
  ["received", texts.received], ["stored", texts.stored], ["duplicate", texts.duplicate], ["revised", texts.revised],
  ["rejected", texts.rejected], ["lost", texts.lostBefore],
];

export function DataPage(): JSX.Element {
  const ledger = useJson<Ledger>(apiUrl(["cities", city.value?.id ?? "", "ledger"]), EVERY_MS);
  return (
    <div class="data">
      <Watermarks />
      {ledger.state === "loading" && <Skeleton count={2} />}
      {ledger.state === "failed" && <Trouble why={ledger.why} again={ledger.again} />}
      {ledger.state === "there" && <LedgerTable ledger={ledger.found} />}
    </div>
  );
}

function Watermarks(): JSX.Element {
  void beat.value;
  return (
    <section aria-labelledby="watermarks-title">
      <h2 id="watermarks-title">{texts.watermarks}</h2>
      <dl class="warrant" data-part="watermarks">
        {completeOf(allIndicators()).map(({ domain, at, silent }) => (
          <div key={domain}>
            <dt><a href={hashOf("sensors", [], { domain })}>{texts.domains[domain] ?? domain}</a></dt>
            <dd class={isLive.value && now.value - at > LATE_MS ? "is-late" : ""}>
              {time.value.near(at, now.value)} {time.value.name(at)}
              {isLive.value && <span class="quiet"> · {texts.lag(ageText((now.value - at) / 1000))}</span>}
            </dd>
            {silent.length > 0 && <dd class="is-bad">{texts.without(silent)}</dd>}
          </div>
        ))}
      </dl>
    </section>
  );
}

function LedgerTable({ ledger }: { ledger: Ledger }): JSX.Element {
  return (
    <section aria-labelledby="ledger-title">
      <h2 id="ledger-title">
        <span class={ledger.closes ? "is-good" : "is-bad"} data-part="closes">{ledger.closes ? texts.closes : texts.doesNotClose}</span>
        <small class="quiet"> {texts.inFlight(numberText(ledger.in_flight.messages, 0), ledger.in_flight.workers)}</small>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="ledger-title">
        <table class="numbers" data-part="ledger">
          <thead>
            <tr><th scope="col">{texts.gateway}</th>{COLUMNS.map(([name, words]) => <th key={name} scope="col">{words}</th>)}</tr>
          </thead>
          <tbody>
            {ledger.gateways.map((line) => <Line key={line.gateway} name={line.gateway} counts={line} />)}
          </tbody>
          <tfoot><Line name={texts.total} counts={ledger.total} /></tfoot>
        </table>
      </div>
    </section>
  );
}

function Line({ name, counts }: { name: string; counts: Counts }): JSX.Element {
  return (
    <tr>
      <th scope="row">{name}</th>
      {COLUMNS.map(([field]) => (
        <td key={field} class={counts[field] && (field === "rejected" || field === "lost") ? "is-noted" : ""}>{numberText(counts[field], 0)}</td>
      ))}
    </tr>
  );
}
