// How a value came about: definition, expression with numbers, facts, stations down to their readings.

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Definition, Explanation, InputShown, StationShown, Step } from "./explanation.ts";
import { amountText, numberText, percentText, titleOf, unitText, wordsOf } from "./format.ts";
import { useJson } from "./load.ts";
import { texts } from "./messages.ts";
import type { Indicator } from "./model.ts";
import { Coverage, quantityName, Skeleton, Trouble } from "./parts.tsx";
import { hashOf } from "./route.ts";
import { stretches } from "./severity.ts";
import { city, time } from "./state.ts";
import { apiUrl } from "./stream.ts";

const MOST = 12;

/** Asked for once a window: what changes within it is derived anew by the button. */
export function Explain({ indicator }: { indicator: Indicator }): JSX.Element {
  const url = useMemo(() => urlOf(indicator), [indicator.rule, indicator.zone, indicator.window_begin]);
  const loaded = useJson<Explanation>(url);
  return (
    <section class="panel wide-panel" aria-labelledby="explain-title" data-part="explain">
      <h3 id="explain-title">{texts.explain}</h3>
      {loaded.state === "loading" && <Skeleton count={1} />}
      {loaded.state === "failed" && <Trouble why={loaded.why} again={loaded.again} />}
      {loaded.state === "there" && <Told told={loaded.found} indicator={indicator} again={loaded.again} />}
    </section>
  );
}

function urlOf(indicator: Indicator): string {
  const query = { at: indicator.window_begin, ...(indicator.zone ? { zone: indicator.zone } : {}) };
  return apiUrl(["cities", city.peek()?.id ?? "", "indicators", indicator.rule, "explain"], query);
}

function Told({ told, indicator, again }: { told: Explanation; indicator: Indicator; again: () => void }): JSX.Element {
  const { derivation } = told;
  return (
    <>
      <p class="quiet">
        {texts.derivedAnew}: <span class={told.agrees ? "is-good" : ""} data-part="agrees">{told.agrees ? texts.agrees : texts.differs}</span>{" "}
        <button type="button" class="small" onClick={again}>{texts.deriveAgain}</button>
      </p>
      <dl class="warrant">
        <div class="wide"><dt>{texts.formula}</dt><dd><code>{told.rule.expression}</code></dd></div>
        {derivation.with_numbers && (
          <div class="wide">
            <dt>{texts.withNumbers}</dt>
            <dd><code data-part="with-numbers">{derivation.with_numbers}{derivation.unrounded === null ? "" : ` = ${derivation.unrounded}`}</code></dd>
          </div>
        )}
        <Steps steps={derivation.parts ?? []} />
        <Sensors told={told} digits={indicator.digits} />
        {derivation.facts.length > 0 && (
          <div class="wide">
            <dt>{texts.facts}</dt>
            {derivation.facts.map((one) => (
              <dd key={one.name}>
                {titleOf(one.name)}: {one.value === null ? texts.noValue : amountText(one.value, Number.isInteger(one.value) ? 0 : 3, one.unit)}
                {one.fact && <span class="quiet"> · {one.fact.quality}; {one.fact.source}</span>}
              </dd>
            ))}
          </div>
        )}
      </dl>
      {derivation.inputs.map((one) => <Input key={one.name} input={one} />)}
      <Excluded told={told} />
      <About rule={told.rule} current={indicator.band} />
    </>
  );
}

function Steps({ steps }: { steps: Step[] }): JSX.Element | null {
  if (!steps.length) return null;
  return (
    <div class="wide">
      <dt>{texts.steps}</dt>
      {steps.map((step) => (
        <dd key={step.name}><code>{step.name} = {step.with_numbers}{typeof step.value === "number" ? ` = ${step.value}` : ""}</code></dd>
      ))}
    </div>
  );
}

/** Of a rule that comes to one value for each sensor: each, then how they are combined. */
function Sensors({ told, digits }: { told: Explanation; digits: number }): JSX.Element | null {
  const { sensors, combine } = told.derivation;
  if (!sensors.length) return null;
  return (
    <div class="wide">
      <dt>{titleOf(combine)}</dt>
      {sensors.slice(0, MOST).map((one) => (
        <dd key={one.sensor}>
          {one.sensor}: <code>{one.with_numbers}</code> = {one.value === null ? texts.noValue : numberText(one.value, digits)}
        </dd>
      ))}
      {sensors.length > MOST && <dd class="quiet">{texts.excludedMore(sensors.length - MOST)}</dd>}
    </div>
  );
}

function Input({ input }: { input: InputShown }): JSX.Element {
  return (
    <div class="scroll stations" tabIndex={0} role="region" aria-label={input.name}>
      <table>
        <caption>{texts.inputOf(quantityName(input.name), wordsOf(input.statistic), wordsOf(input.combine))}</caption>
        <thead>
          <tr>
            <th scope="col">{texts.sensor}</th><th scope="col">{texts.value}</th><th scope="col">{titleOf(texts.coverage)}</th>
            <th scope="col">{texts.readings}</th><th scope="col">{texts.why}</th><th scope="col"><span class="unseen">{texts.readingsLink}</span></th>
          </tr>
        </thead>
        <tbody>{input.stations.map((one) => <Station key={`${one.sensor}|${one.quantity}`} station={one} unit={input.unit} />)}</tbody>
      </table>
    </div>
  );
}

function Station({ station, unit }: { station: StationShown; unit: string }): JSX.Element {
  const value = station.value === null ? (station.values ? `${station.values.filter((one) => one !== null).length} ×` : "–")
    : amountText(station.value, 2, unit);
  return (
    <tr data-valid={station.valid}>
      <th scope="row"><a href={hashOf("sensors", [], { q: station.sensor })}>{station.sensor}</a></th>
      <td>{value}</td>
      <td><Coverage share={station.coverage} title={texts.covered(percentText(station.coverage))} /></td>
      <td>{numberText(station.observed, 0)}{station.flagged ? `, ${texts.flagged(numberText(station.flagged, 0))}` : ""}</td>
      <td>{station.valid ? texts.counts : station.reason}</td>
      <td><a href={station.links.readings ?? station.links.rollups} target="_blank" rel="noopener">{texts.readingsLink}</a></td>
    </tr>
  );
}

function Excluded({ told }: { told: Explanation }): JSX.Element | null {
  if (!told.excluded.length) return null;
  return (
    <dl class="warrant">
      <div class="wide">
        <dt>{texts.excluded}</dt>
        {told.excluded.slice(0, MOST).map((one) => (
          <dd key={`${one.sensor}${one.quantity}${one.observed_at}`}>
            {one.sensor}, {time.value.full(Date.parse(one.observed_at))}: {one.value} <span class="quiet">{one.flags.map(wordsOf).join(", ")}</span>
          </dd>
        ))}
        {told.excluded.length > MOST && <dd class="quiet">{texts.excludedMore(told.excluded.length - MOST)}</dd>}
      </div>
    </dl>
  );
}

function About({ rule, current }: { rule: Definition; current: string | null }): JSX.Element {
  const { standard } = rule;
  return (
    <dl class="warrant about">
      {standard && (
        <div class="wide">
          <dt>{texts.standard}</dt>
          <dd>{[standard.body, standard.document, standard.clause, standard.edition].filter(Boolean).join(", ")}</dd>
        </div>
      )}
      {rule.source && <div class="wide"><dt>{texts.source}</dt><dd>{rule.source}</dd></div>}
      {rule.verified && <div><dt>{texts.verified}</dt><dd>{wordsOf(rule.verified)}</dd></div>}
      <div class="wide"><dt>{texts.bands}</dt><dd><Bands rule={rule} current={current} /></dd></div>
    </dl>
  );
}

function Bands({ rule, current }: { rule: Definition; current: string | null }): JSX.Element {
  if (!rule.bands.length) return <>{texts.noBands}</>;
  return (
    <ul class="bands">
      {stretches(rule.bands).map((band) => (
        <li key={band.name} aria-current={band.name === current ? "true" : undefined}>
          <i class="swatch" style={band.colour ? { background: band.colour } : {}} aria-hidden="true" />
          {band.name} <span class="quiet">{edges(band.from, band.to, rule)}</span>
        </li>
      ))}
    </ul>
  );
}

function edges(from: number | null, to: number | null, rule: Definition): string {
  const shown = (value: number): string => numberText(value, Number.isInteger(value) ? 0 : Math.max(1, rule.digits));
  const unit = unitText(rule.unit);
  if (from === null) return to === null ? "" : `≤ ${shown(to)} ${unit}`;
  return to === null ? `> ${shown(from)} ${unit}` : `${shown(from)}–${shown(to)} ${unit}`;
}
