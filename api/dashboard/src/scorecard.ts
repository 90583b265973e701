// Scores as the API gives them, as far as they are shown.

export interface Score {
  points: number;
  possible: number;
  percent: number | null;
  band: string | null;
  data_points: number;
  scored: number;
  no_data: number;
  no_target: number;
  estimates: number;
}

export interface ScorePoint {
  id: string;
  title: string;
  unit: string;
  state: "scored" | "no_data" | "no_target";
  result: { value: number; estimate: boolean; basis: string; period: string; rule: string | null; year: number | null } | null;
  missing: string[];
  target: { value: number; source: string } | null;
  target_problem: string | null;
  percent: number | null;
}

export interface ScoreKpi {
  code: string;
  title: string;
  feed: "sensors" | "registry" | "reported";
  provisional: boolean;
  formula: string;
  score: Score;
  data_points: ScorePoint[];
}

export interface Named {
  name: string;
  score: Score;
}

export interface Scores {
  standard: { title: string; body: string };
  at: string;
  kpis: { all: number; live: number; reported: number; provisional: number };
  score: Score;
  dimensions: (Named & { sub_dimensions: (Named & { categories: (Named & { kpis: ScoreKpi[] })[] })[] })[];
  findings: { check: string; says: string; found: string }[];
}

/** One piece of a ring of the wheel: a share of the whole turn, from 0 to 1. */
export interface Sector {
  name: string;
  score: Score;
  ring: 0 | 1 | 2;
  from: number;
  to: number;
}

/** The wheel's rings: dimensions, sub-dimensions, categories; each as wide as it has data points. */
export function sectorsOf(scores: Scores): Sector[] {
  const all = scores.score.data_points || 1;
  const found: Sector[] = [];
  const add = (ring: 0 | 1 | 2, one: Named, from: number): number => {
    const to = from + one.score.data_points / all;
    found.push({ name: one.name, score: one.score, ring, from, to });
    return to;
  };
  let [dimension, sub, category] = [0, 0, 0];
  for (const one of scores.dimensions) {
    dimension = add(0, one, dimension);
    for (const part of one.sub_dimensions) {
      sub = add(1, part, sub);
      for (const kind of part.categories) category = add(2, kind, category);
    }
  }
  return found;
}

/** The path of a sector between two radii around the origin, beginning at the top. */
export function arcOf(from: number, to: number, inner: number, outer: number): string {
  // A whole turn has no end of its own: it stops a hair before.
  const end = Math.min(to, from + 0.9999);
  const at = (share: number, radius: number): string => {
    const angle = 2 * Math.PI * share - Math.PI / 2;
    return `${(radius * Math.cos(angle)).toFixed(2)},${(radius * Math.sin(angle)).toFixed(2)}`;
  };
  const large = end - from > 0.5 ? 1 : 0;
  return `M${at(from, outer)}A${outer},${outer} 0 ${large} 1 ${at(end, outer)}L${at(end, inner)}A${inner},${inner} 0 ${large} 0 ${at(from, inner)}Z`;
}

/** 1 to 4 for a score's band, 0 where nothing is scored. */
export function stepOf(score: Score): number {
  if (score.percent === null) return 0;
  return [33, 66, 95].filter((edge) => (score.percent ?? 0) >= edge).length + 1;
}
