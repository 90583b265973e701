// An explanation as the API gives it: docs/api.md, "How a value came about".

import type { Band, Fact } from "./model.ts";

export interface Definition {
  expression: string;
  bands: Band[];
  unit: string;
  digits: number;
  source?: string;
  verified?: string;
  standard: { body: string; document: string; clause: string; edition: string } | null;
}

export interface StationShown {
  sensor: string;
  quantity: string;
  value: number | null;
  values: (number | null)[] | null;
  valid: boolean;
  reason: string;
  coverage: number;
  observed: number;
  flagged: number;
  links: { readings: string | null; rollups: string };
}

export interface InputShown {
  name: string;
  statistic: string;
  unit: string;
  combine: string;
  value: number | null;
  stations: StationShown[];
}

export interface Step {
  name: string;
  with_numbers: string;
  value: number | (number | null)[] | null;
}

export interface Explanation {
  agrees: boolean;
  rule: Definition;
  excluded: { sensor: string; quantity: string; observed_at: string; value: number; flags: string[] }[];
  derivation: {
    order: string;
    combine: string;
    with_numbers?: string | null;
    unrounded: number | null;
    parts?: Step[] | null;
    facts: { name: string; value: number | null; unit: string; fact: Fact | null }[];
    inputs: InputShown[];
    sensors: { sensor: string; with_numbers: string; value: number | null }[];
  };
}
