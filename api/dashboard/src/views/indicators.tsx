// Every indicator, searched and filtered; only what is in sight is drawn.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Card } from "../card.tsx";
import { Choice } from "../choice.tsx";
import { domainsOf } from "../headline.ts";
import { texts } from "../messages.ts";
import { keyOf, type Indicator } from "../model.ts";
import { Message } from "../parts.tsx";
import { choose, route } from "../route.ts";
import { allIndicators, beat, keys, placeName, zones } from "../state.ts";
import { worseRank } from "./overview.tsx";

const CARD_PX = { width: 248, height: 192 };

export function Indicators(): JSX.Element {
  void keys.value;
  const { query } = route.value;
  if (query.get("state") || query.get("band")) void beat.value;
  const all = allIndicators();
  const found = all.filter((one) => fits(one, query)).sort(inOrder);
  return (
    <div class="indicators">
      <Filters all={all} />
      <p class="quiet" role="status" data-part="count">{texts.found(found.length)}</p>
      {all.length === 0 && <Message>{texts.noIndicator}</Message>}
      {all.length > 0 && found.length === 0 && <Message>{texts.nothingFound}</Message>}
      <Grid ids={found.map((one) => keyOf(one.rule, one.zone))} />
    </div>
  );
}

function Filters({ all }: { all: Indicator[] }): JSX.Element {
  const { query } = route.value;
  const pick = (name: string) => (event: Event): void =>
    choose({ [name]: (event.currentTarget as HTMLInputElement | HTMLSelectElement).value });
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label>{texts.search}
        <input type="search" value={query.get("q") ?? ""} placeholder={texts.searchHint} onInput={pick("q")} />
      </label>
      <Choice label={texts.domain} value={query.get("domain") ?? ""} onPick={pick("domain")}
        options={domainsOf(all).map((one) => [one, texts.domains[one] ?? one])} />
      <Choice label={texts.zone} value={query.get("zone") ?? ""} onPick={pick("zone")}
        options={[["*", texts.wholeCity], ...zones.value.map((one): [string, string] => [one.id, one.name])]} />
      <Choice label={texts.stateName} value={query.get("state") ?? ""} onPick={pick("state")}
        options={Object.entries(texts.state)} />
      <Choice label={texts.band} value={query.get("band") ?? ""} onPick={pick("band")} options={[["worse", texts.worseBands]]} />
    </form>
  );
}

function fits(one: Indicator, query: URLSearchParams): boolean {
  const [domain, zone, state] = [query.get("domain"), query.get("zone"), query.get("state")];
  if (domain && one.domain !== domain) return false;
  if (zone && (one.zone ?? "*") !== zone) return false;
  if (state && one.state !== state) return false;
  if (query.get("band") === "worse" && !worseRank(one)) return false;
  const text = `${one.title} ${one.rule} ${placeName(one.zone)}`.toLowerCase();
  return (query.get("q") ?? "").toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

const inOrder = (a: Indicator, b: Indicator): number =>
  (a.zone ?? "").localeCompare(b.zone ?? "") || (a.domain < b.domain ? -1 : a.domain > b.domain ? 1 : 0)
  || (a.rule < b.rule ? -1 : 1);

/** A grid of cards, of which only those in sight exist. */
function Grid({ ids }: { ids: string[] }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ columns: 1, from: 0, to: 40 });
  useEffect(() => {
    const look = (): void => {
      const node = place.current;
      if (!node) return;
      const columns = Math.max(1, Math.floor((node.clientWidth + 16) / (CARD_PX.width + 16)));
      const above = Math.max(0, -node.getBoundingClientRect().top);
      const from = Math.max(0, Math.floor(above / (CARD_PX.height + 16)) - 2) * columns;
      const rows = Math.ceil(innerHeight / (CARD_PX.height + 16)) + 5;
      setView((was) => (was.columns === columns && was.from === from ? was : { columns, from, to: from + rows * columns }));
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => { removeEventListener("scroll", look); removeEventListener("resize", look); };
  }, []);
  const rows = Math.ceil(ids.length / view.columns);
  const above = (Math.min(view.from, ids.length) / view.columns) * (CARD_PX.height + 16);
  return (
    <div ref={place} class="grid" style={{ minHeight: `${rows * (CARD_PX.height + 16)}px` }}>
      <div class="grid-shown" style={{ transform: `translateY(${above}px)`, gridTemplateColumns: `repeat(${view.columns}, minmax(0, 1fr))` }}>
        {ids.slice(view.from, view.to).map((id) => <Card key={id} id={id} place />)}
      </div>
    </div>
  );
}
