// A city's sensors as the API lists them, seen again every half minute.

import { useMemo } from "preact/hooks";
import { getAll, useJson, type Loaded } from "./load.ts";
import type { Page, Position } from "./model.ts";
import { city } from "./state.ts";
import { apiUrl } from "./stream.ts";

const EVERY_MS = 30_000;

/** A sensor as `/v1/cities/{city}/sensors` says it. */
export interface SensorItem {
  id: string;
  domain: string;
  gateway: string;
  zone: string | null;
  latitude: number | null;
  longitude: number | null;
  last_seen: string | null;
  status: string;
  coverage: number;
  quality: number | null;
  flagged: number;
  stuck: string[];
  quantities: string[];
}

export interface Sensor {
  id: string;
  domain: string;
  gateway: string;
  zone: string | null;
  position: Position | null;
  lastSeen: number | null;
  status: string;
  isSilent: boolean;
  coverage: number;
  flagged: number;
  stuck: string[];
  quantities: string[];
}

/** How the list of sensors stands: all of them, however many pages they take. */
export function useSensorList(): Loaded<Page<SensorItem>> {
  const url = apiUrl(["cities", city.value?.id ?? "", "sensors"], { limit: "500" });
  return useJson<Page<SensorItem>>(url, EVERY_MS, getAll);
}

/** The sensors known; none while they are not. */
export function useSensors(): Sensor[] {
  const loaded = useSensorList();
  const items = loaded.state === "there" ? loaded.found.items : null;
  return useMemo(() => (items ?? []).map(readSensor), [items]);
}

export function readSensor(item: SensorItem): Sensor {
  return {
    id: item.id, domain: item.domain, gateway: item.gateway, zone: item.zone,
    position: item.latitude === null || item.longitude === null ? null : [item.longitude, item.latitude],
    lastSeen: item.last_seen === null ? null : Date.parse(item.last_seen),
    status: item.status, isSilent: item.status === "silent",
    coverage: item.coverage, flagged: item.flagged, stuck: item.stuck, quantities: item.quantities,
  };
}
