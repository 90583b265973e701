// An alert on one line: how bad, what, where, since when, how far beyond.

import type { JSX } from "preact";
import type { AlertGroup } from "./alerts.ts";
import { coverageTitle } from "./card.tsx";
import { amountText, percentText } from "./format.ts";
import { texts } from "./messages.ts";
import { keyOf, type Alert, type AlertSeverity } from "./model.ts";
import { Chip } from "./parts.tsx";
import { hashOf } from "./route.ts";
import type { Rank } from "./severity.ts";
import { indicatorOf, now, placeName, rules, time } from "./state.ts";

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

/** An alert rule on one line: where it lasts, the worst place first, and how sure its indicator is there. */
export function AlertLine({ group }: { group: AlertGroup }): JSX.Element {
  const { worst, alerts, since, fresh } = group;
  const indicator = indicatorOf(keyOf(worst.rule, worst.zone))?.value;
  return (
    <>
      <Chip rank={alertRank(worst)} />{" "}
      <a href={hashOf("alerts", [], { alert: worst.alert })}>{worst.title} <b>{peakText(worst)}</b></a>{" "}
      <span class="where">{alerts.map((one) => placeName(one.zone)).join(", ")}</span>{" "}
      <span class="since" data-part="since">{texts.since(time.value.near(Date.parse(since), now.peek()))}</span>{" "}
      <span class="quiet">{thresholdText(worst)}</span>{" "}
      {indicator && (
        <span class="quiet" title={coverageTitle(indicator)} data-part="sureness">
          {texts.sureness(percentText(indicator.coverage), indicator.stations)}
        </span>
      )}{" "}
      {!fresh && <span class="quiet">{texts.alertEvent.acknowledged}</span>}
    </>
  );
}
