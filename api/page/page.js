// The live page: a city, its zones, their indicators as they change.

import { Board } from "./board.js";
import { element, setText } from "./element.js";
import { CityTime } from "./format.js";
import { History } from "./history.js";
import { getJson, watch } from "./stream.js";

const RETRY_MS = 3000;
const LATE_MS = 2 * 3600e3; // hourly means come an hour after their window began
const find = (selector) => document.querySelector(selector);

const picker = find("#city");
const notice = find("#notice");
const connection = find("[data-part=connection]");
const history = new History(find("#history"));
const page = { city: null, time: null, board: null, close: () => {}, lostAt: null };

/** Say how things stand between this page and the data. */
function showConnection(state, reason = "") {
  if (state === "lost") page.lostAt ??= new Date();
  else page.lostAt = null;
  const since = page.lostAt && (page.time ?? localTime()).seconds(page.lostAt);
  const words = { live: "live", "catching-up": "catching up", lost: `lost since ${since}` };
  connection.dataset.state = state;
  setText(connection, words[state]);
  notice.hidden = state !== "lost";
  setText(notice, state === "lost" ? `${reason}. ${page.board?.isEmpty === false
    ? "What is shown is what was known last." : "Trying again."}` : "");
}

function localTime() {
  return new CityTime(Intl.DateTimeFormat().resolvedOptions().timeZone);
}

function showMessage(text) {
  find("#main").replaceChildren(element("p", { class: "message", id: "message" }, text));
}

/** The header's facts that go on by themselves. */
function tick() {
  const { board, city, time } = page;
  if (!city) return;
  const now = new Date();
  const isLive = city.clock === "live";
  const [clock, complete] = [find("[data-part=clock]"), find("[data-part=complete]")];
  clock.replaceChildren(...(isLive ? [element("b", {}, time.seconds(now)), ` ${time.zoneName(now)}`]
    : [element("b", {}, "replay"), ` of recorded data, ${time.zone}`]));
  clock.title = `${city.time_zone}, the city's time zone`;
  const to = board.completeTo();
  complete.hidden = !to;
  if (to) {
    complete.replaceChildren("data complete to ", element("b", {}, isLive ? time.near(to, now) : time.full(to)));
    complete.title = board.completeness(now);
    complete.classList.toggle("is-late", isLive && now - to > LATE_MS);
  }
  board.tick(now, isLive);
}

function onEvent(kind, data) {
  if (kind === "snapshot") {
    page.board.showAll(data.items);
    showConnection("live");
    tick();
  } else if (data.rule) {
    page.board.take(data, kind);
    history.update(data);
  } else if (data.database === "away") {
    showConnection("lost", `The database is away: ${data.reason}`);
  } else if (data.database === "back") {
    showConnection("live");
  }
}

async function showCity(city) {
  page.close();
  page.city = city;
  page.time = new CityTime(city.time_zone);
  document.title = `${city.name} · CityVitals`;
  showMessage("Loading…");
  showConnection("catching-up");
  const zones = await untilThere(`/v1/cities/${encodeURIComponent(city.id)}/zones`);
  if (page.city !== city) return;
  page.board = new Board(find("#main"), find("#zones"), city, zones, page.time,
    (indicator, zoneName) => history.open(indicator, city.id, zoneName, page.time));
  page.close = watch(city.id, {
    event: onEvent,
    current: () => showConnection("live"),
    lost: (reason) => showConnection("lost", `No connection: ${reason}`),
  });
  tick();
}

/** The items of a list, however long it takes; what keeps it is said meanwhile. */
async function untilThere(url) {
  for (;;) {
    try {
      const { items } = await getJson(url);
      return items;
    } catch (error) {
      showConnection("lost", `No data: ${error.problem ?? error.message}`);
      showMessage("The data cannot be reached at the moment. This page goes on by itself.");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function start() {
  let cities = await untilThere("/v1/cities");
  while (!cities.length) {
    showConnection("live");
    showMessage("No city has sent anything yet. It appears here as soon as one does.");
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    cities = await untilThere("/v1/cities");
  }
  picker.replaceChildren(...cities.map((city) => element("option", { value: city.id }, city.name)));
  picker.disabled = cities.length < 2;
  const asked = new URLSearchParams(location.search).get("city");
  const chosen = cities.find((city) => city.id === asked) ?? cities[0];
  picker.value = chosen.id;
  picker.addEventListener("change", () => {
    window.history.replaceState(null, "", `?city=${encodeURIComponent(picker.value)}`);
    showCity(cities.find((city) => city.id === picker.value));
  });
  setInterval(tick, 1000);
  await showCity(chosen);
}

start();
