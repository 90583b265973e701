// A city's GeoJSON as shapes of an SVG: small enough areas that the earth is flat. All pure.

import type { Geometry, Position } from "./model.ts";

export interface Projection {
  width: number;
  height: number;
  place: (position: Position) => [number, number];
}

/** The rings of a polygon or of many; none of a point. */
export function ringsOf(geometry: Geometry): Position[][] {
  if (geometry.type === "Polygon") return geometry.coordinates as Position[][];
  if (geometry.type === "MultiPolygon") return (geometry.coordinates as Position[][][]).flat();
  return [];
}

/** All positions of a geometry. */
export function positionsOf(geometry: Geometry): Position[] {
  return geometry.type === "Point" ? [geometry.coordinates as Position] : ringsOf(geometry).flat();
}

/** A plane on which some positions fill `width`, with room at the edges; null without any. */
export function project(positions: Position[], width: number, room = 16): Projection | null {
  if (!positions.length) return null;
  const east = positions.map(([lon]) => lon);
  const north = positions.map(([, lat]) => lat);
  const [west, top] = [Math.min(...east), Math.max(...north)];
  const narrow = Math.cos(((top + Math.min(...north)) / 2) * (Math.PI / 180));
  const [across, down] = [(Math.max(...east) - west) * narrow || 0.01, top - Math.min(...north) || 0.01];
  const scale = Math.min((width - 2 * room) / across, (width * 0.75 - 2 * room) / down);
  return {
    width, height: down * scale + 2 * room,
    place: ([lon, lat]) => [
      (width - across * scale) / 2 + (lon - west) * narrow * scale, room + (top - lat) * scale,
    ],
  };
}

/** The path of a geometry's rings. */
export function pathOf(geometry: Geometry, projection: Projection): string {
  return ringsOf(geometry).map((ring) =>
    `M${ring.map((one) => projection.place(one).map((n) => n.toFixed(1)).join(",")).join("L")}Z`).join("");
}

/** About the middle of a geometry: where its name goes. */
export function middleOf(geometry: Geometry, projection: Projection): [number, number] {
  const [ring] = ringsOf(geometry);
  if (!ring) return projection.place(geometry.coordinates as Position);
  const placed = ring.map(projection.place);
  const bounds = (n: 0 | 1): number =>
    (Math.min(...placed.map((one) => one[n])) + Math.max(...placed.map((one) => one[n]))) / 2;
  return [bounds(0), bounds(1)];
}
