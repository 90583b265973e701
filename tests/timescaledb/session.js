// One client: from its first bytes to its last, whatever it sends in between.

import { DATABASE, USER } from "./engine.js";
import {
  closeStatement,
  copyIn,
  failure,
  Framer,
  messagesOf,
  query,
  SYNC,
  textAt,
  typeOf,
  welcome,
  withStatement,
} from "./wire.js";

const CANCEL = 80877102;
const ENCRYPTION = [80877103, 80877104]; // TLS, GSSAPI
const PROTOCOL_3 = 196608;
const REPORTED = ["server_version", "server_encoding", "client_encoding", "DateStyle", "TimeZone"];
const ALWAYS = { integer_datetimes: "on", standard_conforming_strings: "on" };
const SETS = /(^|;)\s*(set|reset|discard)\b|\bset_config\b/i;
const COPY_IN = /\bcopy\b[^;]*\bfrom\s+stdin\b/i;
const ONLY_COPY_IN = /^\s*copy\s[^;]*?(\([^;()]*\))?\s+from\s+stdin\b[^;]*;?\s*$/i;
const LISTEN = /^\s*listen\s+"?([^";]+?)"?\s*;?\s*$/i;
const UNLISTEN = /\bunlisten\s+(\*|"?[^";]+"?)/i;
const NOT_OFFERED = "0A000";
const ALONE = "COPY FROM STDIN goes alone in a simple query here";

export class Session {
  /** What the client set when it began; null before. */
  settings = null;
  /** What it listens to. */
  channels = new Set();
  isOver = false;
  /** Whether it has set something since. */
  hasOwnSettings = false;
  #number;
  #socket;
  #turns;
  #framer = new Framer();
  #startup = null;
  #isGone = false;
  #isDismissed = false;
  #status = "I";
  #isSynced = true;
  #copy = null;
  #hasUnlistened = false;
  #statements = new Set();

  constructor(number, socket, turns) {
    this.#number = number;
    this.#socket = socket;
    this.#turns = turns;
    turns.enter(this);
    socket.on("data", (chunk) => {
      this.#framer.push(chunk);
      if (this.settings === null) this.#receive();
      turns.wants(this);
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#isGone = true;
      turns.wants(this);
    });
  }

  /** Whether nobody else may use the engine now. */
  get isBusy() {
    return !this.isOver && (this.#status !== "I" || !this.#isSynced || this.#copy !== null);
  }

  /** Take one message; returns whether there may be another. */
  async step(engine) {
    const message = this.settings === null ? this.#startup : this.#next();
    if (message === null) {
      if (this.#isGone) await this.#leave(engine);
      return false;
    }
    await (this.settings === null ? this.#begin(message, engine) : this.#take(message, engine));
    return true;
  }

  /** What comes before the start-up waits for no turn: who has the engine may wait for it. */
  #receive() {
    while (this.#startup === null) {
      const message = this.#next();
      if (message === null) return;
      const code = message.length < 8 ? null : message.readInt32BE(4);
      if (ENCRYPTION.includes(code)) this.send(Buffer.from("N"));
      // A statement that runs cannot be interrupted here: whoever cancels is heard, no more.
      else if (code === CANCEL) this.#dismiss();
      else if (code === PROTOCOL_3) this.#startup = message;
      else this.refuse("08P01", "this server speaks protocol 3.0");
    }
  }

  #next() {
    if (this.#isDismissed) return null;
    try {
      return this.#framer.next(this.settings !== null);
    } catch (error) {
      this.refuse("08P01", error.message);
      return null;
    }
  }

  send(bytes) {
    if (!this.#socket.destroyed && bytes.length > 0) this.#socket.write(bytes);
  }

  /** Tell the client why, and let it go. */
  refuse(code, why) {
    this.#dismiss(failure("FATAL", code, why));
  }

  /** Hear no more of the client; its socket's end, which follows, ends the session. */
  #dismiss(lastWord = Buffer.alloc(0)) {
    this.#isDismissed = true;
    this.send(lastWord);
    this.#socket.end(() => this.#socket.destroy());
  }

  async #begin(message, engine) {
    this.#startup = null;
    const { user, database = user, ...settings } = parametersOf(message);
    if (user !== USER) return this.refuse("28000", `role "${user}" is not permitted to log in`);
    if (database !== DATABASE) return this.refuse("3D000", `database "${database}" does not exist`);
    const refused = await engine.configure(settings);
    if (refused !== null) return this.#dismiss(refused);
    this.settings = settings;
    const reported = {};
    for (const name of REPORTED) reported[name] = await engine.show(name);
    return this.send(welcome(this.#number, { ...reported, ...ALWAYS }));
  }

  async #take(message, engine) {
    const type = typeOf(message);
    if (type === "X") return this.#dismiss();
    if (this.#copy !== null) return this.#takeRows(type, message, engine);
    const sql = sqlOf(type, message);
    if (COPY_IN.test(sql)) return this.#beginCopy(type, message, sql);
    if ("PBDECH".includes(type)) this.#isSynced = false;
    const own = withStatement(message, (name) => this.#ownName(name));
    // The unnamed statement is replaced without a word; ours has a name, since all share a backend.
    if (type === "P" && message[5] === 0) await engine.answer(closeStatement(this.#ownName("")));
    this.hasOwnSettings ||= SETS.test(sql);
    this.#noteChannels(sql);
    this.#deliver(await engine.answer(own));
    if (this.#hasUnlistened && !this.isBusy) await this.#turns.listen();
    this.#hasUnlistened &&= this.isBusy;
    return null;
  }

  /** Rows of a COPY are gathered, since the engine takes a statement and its rows in one piece. */
  #beginCopy(type, message, sql) {
    const found = type === "Q" ? ONLY_COPY_IN.exec(sql) : null;
    if (found === null) return this.refuse(NOT_OFFERED, ALONE);
    const columns = found[1];
    this.#copy = [message];
    return this.send(copyIn(columns ? columns.split(",").length : 0, /\bbinary\b/i.test(sql)));
  }

  async #takeRows(type, message, engine) {
    if (type === "S" || type === "H") return;
    this.#copy.push(message);
    if (type === "d") return;
    const whole = Buffer.concat(this.#copy);
    this.#copy = null;
    this.#deliver(await engine.answer(whole), "G");
  }

  /** Pass an answer on, but for messages of one type; take note of where it leaves us. */
  #deliver(answer, without = "") {
    const kept = [];
    for (const message of messagesOf(answer)) {
      const type = typeOf(message);
      if (type === "A") this.#turns.notify(textAt(message, 9)[0], Buffer.from(message));
      else if (type !== without) kept.push(message);
      if (type === "Z") {
        this.#status = String.fromCharCode(message[5]);
        this.#isSynced = true;
      }
    }
    this.send(Buffer.concat(kept));
  }

  #noteChannels(sql) {
    const heard = LISTEN.exec(sql);
    if (heard !== null) this.channels.add(heard[1]);
    const unheard = UNLISTEN.exec(sql);
    if (unheard === null) return;
    this.#hasUnlistened = true;
    if (unheard[1] === "*") this.channels.clear();
    else this.channels.delete(unheard[1].replaceAll('"', ""));
  }

  #ownName(name) {
    const own = `s${this.#number}_${name}`;
    this.#statements.add(own);
    return own;
  }

  /** Leave the engine as it was found. */
  async #leave(engine) {
    this.#copy = null;
    this.#deliver(await engine.answer(SYNC));
    if (this.#status !== "I") await engine.answer(query("rollback"));
    const closes = [...this.#statements].map(closeStatement);
    await engine.answer(Buffer.concat([...closes, SYNC]));
    this.#status = "I";
    this.isOver = true;
  }
}

/** The SQL that a message carries, if any. */
function sqlOf(type, message) {
  if (type === "Q") return textAt(message, 5)[0];
  if (type === "P") return textAt(message, textAt(message, 5)[1])[0];
  return "";
}

function parametersOf(message) {
  const found = {};
  for (let at = 8; message[at] !== 0; ) {
    const [name, middle] = textAt(message, at);
    const [value, after] = textAt(message, middle);
    found[name] = value;
    at = after;
  }
  return found;
}
