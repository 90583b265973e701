// What warrants a value: rule, state, coverage, stations, facts, silent gateways, watermark.

import type { JSX } from "preact";
import { amountText, numberText, percentText, titleOf } from "./format.ts";
import { texts } from "./messages.ts";
import type { Fact, Indicator } from "./model.ts";
import { time } from "./state.ts";

export function Warrant({ indicator }: { indicator: Indicator }): JSX.Element {
  const lines = warrantOf(indicator).filter((line): line is [string, string] => line[1] !== null);
  return (
    <section class="panel" aria-labelledby="warrant-title">
      <h3 id="warrant-title">{texts.warrant}</h3>
      <dl class="warrant" data-part="warrant">
        {lines.map(([name, text]) => <div key={name}><dt>{name}</dt><dd>{text}</dd></div>)}
      </dl>
    </section>
  );
}

function warrantOf(indicator: Indicator): [string, string | null][] {
  const moment = (text: string | null): string | null => (text === null ? null : time.value.full(Date.parse(text)));
  const figure = (value: number | null): string | null => (value === null ? null : numberText(value, Number.isInteger(value) ? 0 : 3));
  return [
    [texts.rule, `${indicator.rule}, revision ${indicator.rule_revision}`],
    [texts.stateName, texts.revision(texts.state[indicator.state], indicator.revision)],
    [texts.coverage.charAt(0).toUpperCase() + texts.coverage.slice(1), percentText(indicator.coverage)],
    [texts.stationsName, String(indicator.stations)],
    [texts.numerator, figure(indicator.numerator)],
    [texts.denominator, figure(indicator.denominator)],
    ...indicator.facts.map((fact): [string, string] => [titleOf(fact.name), factText(fact)]),
    [texts.readings, `${numberText(indicator.observed, 0)}, ${texts.flagged(numberText(indicator.flagged, 0))}`],
    [texts.silentName, indicator.silent.join(", ") || texts.none],
    [texts.completeTo.charAt(0).toUpperCase() + texts.completeTo.slice(1), moment(indicator.watermark)],
    [texts.computedName, moment(indicator.computed_at)],
  ];
}

function factText(fact: Fact): string {
  const since = fact.valid_from === null ? "" : ` from ${fact.valid_from.slice(0, 10)}`;
  return `${amountText(fact.value, Number.isInteger(fact.value) ? 0 : 2, fact.unit)}${since}; ${fact.quality}; ${fact.source}`;

}
