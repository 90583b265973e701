// Who has the engine: one client at a time, from the begin of its transaction to the end.

import { setImmediate as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { query } from "./wire.js";

const IMPATIENT =
  "another client has been in a transaction for too long, and this server has one backend for " +
  "all: let the test end that transaction before it uses another connection";

export class Turns {
  #engine;
  #sessions = new Set();
  #waiting = new Map();
  #holder = null;
  #configured = null;
  #hasOwnSettings = false;
  #isRunning = false;
  #patience;
  #onCrash;

  /**
   * Waits `patience` ms for another's transaction; `onCrash` is told of an engine that is dead.
   */
  constructor(engine, patience, onCrash) {
    this.#engine = engine;
    this.#patience = patience;
    this.#onCrash = onCrash;
  }

  enter(session) {
    this.#sessions.add(session);
  }

  /** A session has something to say, or is gone: it gets its turn. */
  wants(session) {
    if (!this.#waiting.has(session)) {
      this.#waiting.set(session, setTimeout(() => this.#giveUp(session), this.#patience));
    }
    if (!this.#isRunning) this.#run().catch(this.#onCrash);
  }

  /** Hand a notification to everybody who listens. */
  notify(channel, message) {
    for (const session of this.#sessions) if (session.channels.has(channel)) session.send(message);
  }

  /** Have the engine listen for all, after somebody had it stop. */
  async listen() {
    const channels = new Set([...this.#sessions].flatMap((session) => [...session.channels]));
    for (const channel of channels) await this.#engine.answer(query(`listen "${channel}"`));
  }

  async #run() {
    this.#isRunning = true;
    for (let session = this.#next(); session !== null; session = this.#next()) {
      await this.#serve(session);
      await pause(); // or sockets and signals go unheard while clients keep the engine busy
    }
    this.#isRunning = false;
  }

  /** The holder, if there is one and it has said more; else whoever has waited longest. */
  #next() {
    if (this.#holder !== null) return this.#waiting.has(this.#holder) ? this.#holder : null;
    const [first = null] = this.#waiting.keys();
    return first;
  }

  /** Take one message of a session. */
  async #serve(session) {
    clearTimeout(this.#waiting.get(session));
    this.#waiting.delete(session);
    if (session.settings !== null && !this.#suits(session)) {
      await this.#engine.configure(session.settings);
      this.#hasOwnSettings = false;
    }
    const mayHaveMore = await session.step(this.#engine);
    if (session.settings !== null) this.#configured = session;
    this.#hasOwnSettings ||= session.hasOwnSettings;
    this.#holder = session.isBusy ? session : null;
    if (session.isOver) await this.#leave(session);
    else if (mayHaveMore) this.wants(session);
  }

  /** Whether the engine is set as a session wants it. */
  #suits(session) {
    if (session === this.#configured) return true;
    const isAlike = isDeepStrictEqual(this.#configured?.settings, session.settings);
    return isAlike && !this.#hasOwnSettings;
  }

  async #leave(session) {
    this.#sessions.delete(session);
    if (this.#sessions.size > 0) return;
    this.#configured = null;
    await this.#engine.answer(query("discard all"));
  }

  #giveUp(session) {
    if (this.#holder !== null && this.#holder !== session) session.refuse("53300", IMPATIENT);
  }
}
