// An alert on one line: how bad, what, where, since when, how far beyond.

import type { JSX } from "preact";
import { amountText } from "./format.ts";
import { texts } from "./messages.ts";
import type { Alert, AlertSeverity } from "./model.ts";
import { Chip } from "./parts.tsx";
import { hashOf } from "./route.ts";
import type { Rank } from "./severity.ts";
import { now, placeName, rules, time } from "./state.ts";

const RANKS: Record<AlertSeverity, Omit<Rank, "name">> = {
  notice: { colour: "var(--accent)", severity: 0.25 },
  warning: { colour: "var(--waiting)", severity: 0.5 },
  critical: { colour: "var(--bad)", severity: 1 },
};

/** An alert's severity in the grammar of bands. */
export const alertRank = (alert: Alert): Rank => ({ name: texts.severity[alert.severity], ...RANKS[alert.severity] });

const digitsOf = (alert: Alert): number => rules.value.get(alert.rule)?.digits ?? 1;

/** The value furthest out. */
export const peakText = (alert: Alert): string => amountText(alert.peak, digitsOf(alert), alert.unit);

/** "above 180 µg/m³". */
export const thresholdText = (alert: Alert): string => texts.threshold(alert.side, amountText(alert.threshold, digitsOf(alert), alert.unit));

/** When it was, or since when it has been. */
export function spanText(alert: Alert): string {
  const near = (when: string): string => time.value.near(Date.parse(when), now.peek());
  return alert.until === null ? texts.since(near(alert.since)) : texts.from_until(near(alert.since), near(alert.until));
}

/** Links to the alert's page of the indicator around it. */
export function AlertLine({ alert }: { alert: Alert }): JSX.Element {
  return (
    <>
      <Chip rank={alertRank(alert)} />{" "}
      <a href={hashOf("alerts")}>{alert.title} <b>{peakText(alert)}</b></a>{" "}
      <span class="where">{placeName(alert.zone)}</span>{" "}
      <span class="since" data-part="since">{spanText(alert)}</span>{" "}
      <span class="quiet">{alert.acknowledged ? texts.alertEvent.acknowledged : thresholdText(alert)}</span>
    </>
  );
}
