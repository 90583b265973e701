// One of several, picked from a list: what views are filtered by.

import type { JSX } from "preact";
import { texts } from "./messages.ts";

export function Choice({ label, value, options, onPick, none = texts.all }: {
  label: string; value: string; options: [string, string][]; onPick: (event: Event) => void; none?: string | null;
}): JSX.Element {
  return (
    <label>{label}
      <select value={value} onChange={onPick}>
        {none !== null && <option value="">{none}</option>}
        {options.map(([id, name]) => <option key={id} value={id}>{name}</option>)}
      </select>
    </label>
  );
}
