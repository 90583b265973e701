// PostgreSQL's protocol, version 3: whole messages out of a stream of bytes, and messages to send.

const HEAD = 4;
const STATEMENT = "S".charCodeAt(0);

/** Cuts a stream into whole messages, wherever its chunks begin and end. */
export class Framer {
  #chunks = [];
  #held = 0;
  #needed = HEAD;

  push(chunk) {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
  }

  /** The next message, or null until it is whole; those before the start-up have no type. */
  next(isTyped) {
    // Joined only when it helps, so a message in many pieces is copied twice, not once a piece.
    if (this.#held < this.#needed) return null;
    const bytes = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#chunks = [bytes];
    const before = isTyped ? 1 : 0;
    const isSized = bytes.length >= before + HEAD;
    this.#needed = before + (isSized ? bytes.readUInt32BE(before) : HEAD);
    if (this.#needed < before + HEAD) throw new Error("a message is shorter than its own length");
    if (bytes.length < this.#needed) return null;
    const message = bytes.subarray(0, this.#needed);
    this.#chunks = [bytes.subarray(this.#needed)];
    this.#held -= this.#needed;
    this.#needed = HEAD;
    return message;
  }
}

/** The messages that bytes of whole messages consist of. */
export function* messagesOf(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readUInt32BE(at + 1);
    yield bytes.subarray(at, end);
    at = end;
  }
}

export const typeOf = (message) => String.fromCharCode(message[0]);

/** The text from a place up to the next zero, and the place after that. */
export function textAt(bytes, at) {
  const end = bytes.indexOf(0, at);
  return [bytes.toString("utf8", at, end), end + 1];
}

const text = (value) => Buffer.from(`${value}\0`);

const int32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

export function message(type, ...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, HEAD);
  return Buffer.concat([Buffer.from(type), int32(length), ...parts]);
}

export const SYNC = message("S");
export const query = (sql) => message("Q", text(sql));
export const closeStatement = (name) => message("C", Buffer.from("S"), text(name));

export const failure = (severity, code, why) =>
  message("E", ...[`S${severity}`, `V${severity}`, `C${code}`, `M${why}`, ""].map(text));

/** What a client is told once it is let in. */
export const welcome = (number, parameters) =>
  Buffer.concat([
    message("R", int32(0)),
    ...Object.entries(parameters).map(([name, value]) => message("S", text(name), text(value))),
    message("K", int32(number), int32(0)),
    message("Z", Buffer.from("I")),
  ]);

/** Asks for the rows of a COPY FROM STDIN of so many columns. */
export const copyIn = (columns, isBinary) => {
  const body = Buffer.alloc(3 + 2 * columns);
  body[0] = isBinary ? 1 : 0;
  body.writeInt16BE(columns, 1);
  for (let column = 0; column < columns; column += 1) body.writeInt16BE(body[0], 3 + 2 * column);
  return message("G", body);
};

/** A message whose statement is called something else; `rename` is given the name it has. */
export function withStatement(original, rename) {
  const type = typeOf(original);
  let at = 5; // of the name: Bind has a portal's before it, Describe and Close a kind
  if (type === "B") [, at] = textAt(original, at);
  else if (type !== "P") at += 1;
  const isOfStatement = "PB".includes(type) || ("DC".includes(type) && original[5] === STATEMENT);
  if (!isOfStatement) return original;
  const [name, after] = textAt(original, at);
  return message(type, original.subarray(5, at), text(rename(name)), original.subarray(after));
}
