// How a value comes about: definition, formula, standard, bands.

import type { JSX } from "preact";
import { numberText, unitText } from "./format.ts";
import { texts } from "./messages.ts";
import type { Indicator, Rule } from "./model.ts";
import { stretches } from "./severity.ts";

export function Explain({ indicator, rule }: { indicator: Indicator; rule: Rule | undefined }): JSX.Element | null {
  if (!rule) return null;
  return (
    <section class="panel" aria-labelledby="explain-title" data-part="explain">
      <h3 id="explain-title">{texts.definition}</h3>
      <dl class="warrant">
        <div class="wide"><dt>{texts.formula}</dt><dd><code>{rule.expression}</code></dd></div>
        {rule.standard && (
          <div class="wide">
            <dt>{texts.standard}</dt>
            <dd>{[rule.standard.body, rule.standard.document, rule.standard.clause, rule.standard.edition].filter(Boolean).join(", ")}</dd>
          </div>
        )}
        {rule.source && <div class="wide"><dt>{texts.source}</dt><dd>{rule.source}</dd></div>}
        <div class="wide"><dt>{texts.bands}</dt><dd><Bands rule={rule} current={indicator.band} /></dd></div>
      </dl>
    </section>
  );
}

function Bands({ rule, current }: { rule: Rule; current: string | null }): JSX.Element {
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

function edges(from: number | null, to: number | null, rule: Rule): string {
  const shown = (value: number): string => numberText(value, Number.isInteger(value) ? 0 : Math.max(1, rule.digits));
  const unit = unitText(rule.unit);
  if (from === null) return to === null ? "" : `≤ ${shown(to)} ${unit}`;
  return to === null ? `> ${shown(from)} ${unit}` : `${shown(from)}–${shown(to)} ${unit}`;
}
