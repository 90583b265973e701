// A city in one picture: its dimensions, sub-dimensions and categories, each in the band of its score.

import type { JSX } from "preact";
import { numberText } from "./format.ts";
import { texts } from "./messages.ts";
import { arcOf, sectorsOf, stepOf, type Score, type Scores } from "./scorecard.ts";

const RADII: [number, number][] = [[44, 84], [88, 128], [132, 188]];

/** A score in words: "75 %, 30 of 40 points". */
export function scoreText(score: Score): string {
  if (score.percent === null) return texts.nothingScored(score.no_data, score.no_target);
  return texts.scored(numberText(score.percent, 0), score.points, score.possible);
}

export function Wheel({ scores }: { scores: Scores }): JSX.Element {
  const whole = scores.score;
  return (
    <svg class="wheel" viewBox="-192 -192 384 384" role="img" aria-label={`${scores.standard.title}: ${scoreText(whole)}`} data-part="wheel">
      {sectorsOf(scores).map((one) => (
        <path key={`${one.ring}${one.name}${one.from}`} d={arcOf(one.from, one.to, ...(RADII[one.ring] ?? [0, 0]))} class="sector"
          data-step={stepOf(one.score)} data-ring={one.ring}>
          <title>{one.name}: {scoreText(one.score)}</title>
        </path>
      ))}
      <text class="wheel-figure" y="4">{whole.percent === null ? "–" : `${numberText(whole.percent, 0)}\u202f%`}</text>
      <text class="wheel-words" y="22">{texts.ofTargets}</text>
    </svg>
  );
}
