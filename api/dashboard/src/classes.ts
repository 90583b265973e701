// Classes of a choropleth: a rule's own bands, or equal steps of what is there. All pure.

import type { Indicator, Rule } from "./model.ts";
import { stretches } from "./severity.ts";

export interface Class {
  name: string;
  colour: string;
  from: number | null;
  to: number | null;
  count: number;
}

/** Five steps of one hue, light to dark, for rules without bands. */
const STEPS = ["#dbe9f6", "#a6c8e4", "#6aa3cf", "#3576af", "#174a7e"];

/** Rounds to two figures, so that limits can be read. */
const neat = (value: number): number => (value === 0 ? 0 : Number(value.toPrecision(2)));

/** The classes that some values fall in, with how many fall in each. */
export function classesOf(indicators: Indicator[], rule: Rule | undefined): Class[] {
  const values = indicators.flatMap((one) => (one.value === null ? [] : [one.value]));
  const found = rule && rule.bands.length > 1 && rule.bands.every((band) => band.colour)
    ? stretches(rule.bands).map((band) => ({ ...band, colour: band.colour ?? "", count: 0 }))
    : stepsOf(values);
  for (const value of values) {
    const place = classOf(value, found);
    if (place) place.count += 1;
  }
  return found;
}

function stepsOf(values: number[]): Class[] {
  if (!values.length) return [];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (low === high) return [{ name: String(neat(low)), colour: STEPS[2] ?? "", from: null, to: null, count: 0 }];
  const limit = (n: number): number => neat(low + ((high - low) * n) / STEPS.length);
  return STEPS.map((colour, n) => ({
    name: "", colour, count: 0, from: n ? limit(n) : null, to: n < STEPS.length - 1 ? limit(n + 1) : null,
  }));
}

/** The class that a value falls in: above `from`, up to and with `to`. */
export function classOf(value: number, classes: Class[]): Class | undefined {
  return classes.find((one) => one.to === null || value <= one.to) ?? classes.at(-1);
}
