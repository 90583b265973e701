// The page: its header, one view, and what starts it.

import { render, type JSX } from "preact";
import { useEffect } from "preact/hooks";
import "@fontsource-variable/inter/wght.css";
import "./tokens.css";
import "./page.css";
import "./views.css";
import { Header } from "./header.tsx";
import { texts } from "./messages.ts";
import { Message, Skeleton } from "./parts.tsx";
import { route, type View } from "./route.ts";
import { SignIn } from "./sign-in.tsx";
import { message, start } from "./state.ts";
import { refused } from "./token.ts";
import { AlertsPage } from "./views/alerts.tsx";
import { DataPage } from "./views/data.tsx";
import { IndicatorPage } from "./views/indicator.tsx";
import { Indicators } from "./views/indicators.tsx";
import { MapPage } from "./views/map.tsx";
import { Overview } from "./views/overview.tsx";
import { ScoresPage } from "./views/scores.tsx";
import { Sensors } from "./views/sensors.tsx";
import { Wall } from "./views/wall.tsx";

const VIEWS: Record<View, () => JSX.Element> = {
  overview: Overview, map: MapPage, indicators: Indicators, indicator: IndicatorPage, scores: ScoresPage,
  alerts: AlertsPage, sensors: Sensors, data: DataPage, wall: Wall,
};

function App(): JSX.Element {
  const { view } = route.value;
  const Shown = VIEWS[view];
  // A view that is opened begins at its top.
  useEffect(() => scrollTo(0, 0), [view, route.value.rest.join("/")]);
  return (
    <div class={`app app-${view}`}>
      <a class="skip" href="#main">{texts.skip}</a>
      <Header />
      <main id="main" tabIndex={-1}>
        {refused.value ? <SignIn /> : message.value === null ? <Shown /> : message.value === texts.loading ? <Skeleton count={8} /> : <Message>{message.value}</Message>}
      </main>
    </div>
  );
}

const root = document.getElementById("app");
if (root) render(<App />, root);
void start();
