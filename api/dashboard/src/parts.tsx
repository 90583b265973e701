// Small parts that cards, tables and pages share.

import type { JSX } from "preact";
import { percentText, wordsOf } from "./format.ts";
import { texts } from "./messages.ts";
import { shapeOf, type Rank } from "./severity.ts";

const AROUND = 2 * Math.PI * 6.5;

/** How much of its window a value rests on. */
export function Coverage({ share, title }: { share: number; title: string }): JSX.Element {
  const text = percentText(share);
  return (
    <span class="coverage" data-part="coverage" role="meter" aria-label={texts.coverage} aria-valuemin={0}
      aria-valuemax={1} aria-valuenow={Number(share.toFixed(4))} aria-valuetext={texts.covered(text)} title={title}>
      <svg class="ring" viewBox="0 0 16 16" aria-hidden="true">
        <circle cx="8" cy="8" r="6.5" />
        <circle cx="8" cy="8" r="6.5" stroke-dasharray={`${Math.min(1, share) * AROUND} ${AROUND}`} />
      </svg>
      <span>{text}</span>
    </span>
  );
}

/** A band by label and shape, with the standard's own colour as a bar. */
export function Chip({ rank }: { rank: Rank }): JSX.Element {
  return (
    <span class="chip" data-part="band" data-severity={Math.round(rank.severity * 4)}>
      <i class="swatch" style={rank.colour ? { background: rank.colour } : {}} aria-hidden="true" />
      <span aria-hidden="true">{shapeOf(rank.severity)}</span> {rank.name}
    </span>
  );
}

/** A quantity as people write it. */
export const quantityName = (token: string): string => texts.quantityNames[token] ?? wordsOf(token);

/** A message in the middle, in place of what is not there. */
export function Message({ children, part = "message" }: { children: preact.ComponentChildren; part?: string }): JSX.Element {
  return <p class="message" data-part={part}>{children}</p>;
}

/** Why something cannot be shown, with a way to try again. */
export function Trouble({ why, again }: { why: string; again: () => void }): JSX.Element {
  return (
    <div class="message" role="alert" data-part="trouble">
      <p>{texts.unreadable(why)}</p>
      <button type="button" onClick={again}>{texts.again}</button>
    </div>
  );
}

/** Grey stand-ins of the size of what comes. */
export function Skeleton({ count }: { count: number }): JSX.Element {
  return (
    <div class="cards" aria-busy="true" data-part="skeleton">
      {Array.from({ length: count }, (_, n) => <div key={n} class="card is-loading" aria-hidden="true" />)}
    </div>
  );
}
