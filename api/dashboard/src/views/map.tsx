// The city's zones by any indicator, its sensors as shapes; without tiles, from its own GeoJSON.

import type { JSX } from "preact";
import { Choice } from "../choice.tsx";
import { amountText, numberText } from "../format.ts";
import { classesOf, classOf, type Class } from "../classes.ts";
import { coverageTitle } from "../card.tsx";
import { middleOf, pathOf, positionsOf, project, type Projection } from "../geo.ts";
import { headlines } from "../headline.ts";
import { texts } from "../messages.ts";
import { keyOf, type Indicator, type Zone } from "../model.ts";
import { Message } from "../parts.tsx";
import { choose, indicatorHash, route } from "../route.ts";
import { allIndicators, beat, indicatorOf, keys, rules, zones } from "../state.ts";
import { useSensors, type Sensor } from "../sensors.ts";

const WIDTH = 1000;

export function MapPage(): JSX.Element {
  void keys.value;
  void beat.value;
  const there = zonal(allIndicators());
  const rule = route.value.query.get("rule") ?? headlines(allIndicators()).flatMap((one) => one.rules)
    .find((id) => there.some((one) => one.rule === id)) ?? there[0]?.rule ?? "";
  const placed = zones.value.filter((zone) => zone.geometry);
  const sensors = useSensors();
  const points = sensors.flatMap((one) => (one.position ? [one.position] : []));
  const projection = project([...placed.flatMap((zone) => positionsOf(zone.geometry as NonNullable<Zone["geometry"]>)), ...points], WIDTH);
  if (!projection) return <Message part="no-geometry">{texts.noGeometry}</Message>;
  const shown = there.filter((one) => one.rule === rule);
  const classes = classesOf(shown, rules.value.get(rule));
  return (
    <div class="map-page">
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Choice label={texts.mapOf} value={rule} none={null} options={choices(there)}
          onPick={(event) => choose({ rule: (event.currentTarget as HTMLSelectElement).value })} />
      </form>
      <div class="map-and-legend">
        <Plan placed={placed} rule={rule} classes={classes} projection={projection} sensors={sensors} />
        <Legend classes={classes} shown={shown} sensors={sensors} />
      </div>
    </div>
  );
}

const zonal = (all: Indicator[]): Indicator[] => all.filter((one) => one.zone !== null);

function choices(there: Indicator[]): [string, string][] {
  const found = new Map(there.map((one) => [one.rule, one.title]));
  return [...found].sort((a, b) => (a[1] < b[1] ? -1 : 1));
}

function Plan({ placed, rule, classes, projection, sensors }: {
  placed: Zone[]; rule: string; classes: Class[]; projection: Projection; sensors: Sensor[];
}): JSX.Element {
  return (
    <svg class="map" viewBox={`0 0 ${projection.width} ${projection.height.toFixed(0)}`} role="group" aria-label={texts.views.map} data-part="map">
      <defs>
        <pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="8" height="8" class="hatch-ground" /><rect width="4" height="8" class="hatch-line" />
        </pattern>
      </defs>
      {placed.map((zone) => <Area key={zone.id} zone={zone} rule={rule} classes={classes} projection={projection} />)}
      {sensors.map((one) => <Dot key={one.id} sensor={one} projection={projection} />)}
      {placed.map((zone) => <Name key={zone.id} zone={zone} rule={rule} projection={projection} />)}
    </svg>
  );
}

function Area({ zone, rule, classes, projection }: { zone: Zone; rule: string; classes: Class[]; projection: Projection }): JSX.Element | null {
  if (!zone.geometry) return null;
  const indicator = indicatorOf(keyOf(rule, zone.id))?.value;
  const value = indicator?.value ?? null;
  const colour = value === null ? "url(#hatch)" : classOf(value, classes)?.colour ?? "none";
  const words = indicator && value !== null ? `${amountText(value, indicator.digits, indicator.unit)}; ${coverageTitle(indicator)}` : texts.noValue;
  return (
    <a href={indicatorHash(rule, zone.id)} aria-label={`${zone.name}: ${words}`} data-zone={zone.id}>
      <path class="area" d={pathOf(zone.geometry, projection)} fill={colour} data-state={indicator?.state ?? "absent"}>
        <title>{zone.name}: {words}</title>
      </path>
    </a>
  );
}

function Name({ zone, rule, projection }: { zone: Zone; rule: string; projection: Projection }): JSX.Element | null {
  if (!zone.geometry) return null;
  const indicator = indicatorOf(keyOf(rule, zone.id))?.value;
  const [x, y] = middleOf(zone.geometry, projection);
  return (
    <g class="area-name" aria-hidden="true">
      <text x={x} y={y - 4}>{zone.name}</text>
      <text x={x} y={y + 18} class="area-value">
        {indicator && indicator.value !== null ? amountText(indicator.value, indicator.digits, indicator.unit) : "–"}
      </text>
    </g>
  );
}

/** A sensor by the shape of its domain; hollow where it is silent. */
function Dot({ sensor, projection }: { sensor: Sensor; projection: Projection }): JSX.Element | null {
  if (!sensor.position) return null;
  const [x, y] = projection.place(sensor.position);
  return (
    <g class="sensor" data-silent={sensor.isSilent} transform={`translate(${x.toFixed(1)},${y.toFixed(1)})`}>
      <path d={SHAPES[sensor.domain] ?? SHAPES.air} />
      <title>{sensor.id} · {texts.domains[sensor.domain] ?? sensor.domain}{sensor.isSilent ? ` · ${texts.silentSensor}` : ""}</title>
    </g>
  );
}

export const SHAPES: Record<string, string> = {
  air: "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0Z",
  energy: "M0,-6L6,4L-6,4Z",
  water: "M0,-6L6,0L0,6L-6,0Z",
  traffic: "M-5,-5H5V5H-5Z",
  noise: "M-6,-2L6,-2L6,2L-6,2Z",
  weather: "M-6,-4L6,-4L0,6Z",
};

function Legend({ classes, shown, sensors }: { classes: Class[]; shown: Indicator[]; sensors: Sensor[] }): JSX.Element {
  const digits = shown[0]?.digits ?? 0;
  const without = shown.filter((one) => one.value === null).length;
  return (
    <aside class="legend" aria-label={texts.legend}>
      <h3>{texts.legend}</h3>
      <ul>
        {classes.map((one, n) => (
          <li key={n}>
            <i class="swatch" style={{ background: one.colour }} aria-hidden="true" />
            <span>{[one.name, limits(one, digits)].filter(Boolean).join(" ")}</span>
            <span class="quiet">{texts.zonesIn(one.count)}</span>
          </li>
        ))}
        <li>
          <i class="swatch is-hatched" aria-hidden="true" /><span>{texts.noClass}</span><span class="quiet">{texts.zonesIn(without)}</span>
        </li>
      </ul>
      {sensors.length > 0 && <SensorLegend sensors={sensors} />}
    </aside>
  );
}

/** The shape of each domain, with how many stand there and how many of them are silent. */
function SensorLegend({ sensors }: { sensors: Sensor[] }): JSX.Element {
  const placed = sensors.filter((one) => one.position);
  const domains = [...new Set(placed.map((one) => one.domain))].sort();
  const silent = placed.filter((one) => one.isSilent).length;
  return (
    <>
      <h3>{texts.sensorsName}</h3>
      <ul data-part="sensor-legend">
        {domains.map((domain) => (
          <li key={domain}>
            <svg class="shape" viewBox="-8 -8 16 16" aria-hidden="true"><path d={SHAPES[domain] ?? SHAPES.air} /></svg>
            <span>{texts.domains[domain] ?? domain}</span>
            <span class="quiet">{placed.filter((one) => one.domain === domain).length}</span>
          </li>
        ))}
        <li>
          <svg class="shape is-hollow" viewBox="-8 -8 16 16" aria-hidden="true"><path d={SHAPES.traffic} /></svg>
          <span>{texts.hollow}</span><span class="quiet">{silent}</span>
        </li>
      </ul>
    </>
  );
}

function limits(one: Class, digits: number): string {
  const shown = (value: number): string => numberText(value, Number.isInteger(value) ? 0 : Math.max(1, digits));
  // Of an index in whole steps the step itself: "3" says more than "2–3".
  const step = digits === 0 && one.to !== null && Number.isInteger(one.to) && one.to - (one.from ?? 0) === 1;
  if (step && one.to !== null) return shown(one.to);
  if (one.from === null) return one.to === null ? "" : `≤ ${shown(one.to)}`;
  return one.to === null ? `> ${shown(one.from)}` : `${shown(one.from)}–${shown(one.to)}`;
}

