// A TimescaleDB for tests, for any client that speaks PostgreSQL's protocol:
//
//   node server.js [PORT [PATIENCE]]
//
// Listens on the loopback only; PORT 0, the default, is one that is free. Whoever has waited
// PATIENCE ms (default 30,000) for the end of another client's transaction is sent away.
//
// Says "ready on port N" on standard output. Ends on SIGTERM, and when standard input does, which
// is when whoever started it dies. Data is in memory and gone with it.
//
// Clients share one backend and take turns, a transaction each: what they commit is whole and in
// order, but sessions share temporary tables and session-level advisory locks, nothing runs at the
// same time as something else, and no statement is timed out or cancelled.

import net from "node:net";
import process from "node:process";

import { Engine } from "./engine.js";
import { Session } from "./session.js";
import { Turns } from "./turns.js";

const finish = (why, code) => {
  process.stderr.write(`${why}\n`);
  process.exit(code);
};
const crashed = (error) => finish(`the engine crashed: ${error.name}: ${error.message}`, 1);

process.on("SIGTERM", () => finish("told to stop", 0));
process.on("uncaughtException", crashed); // or its source, one line of a megabyte, is printed
process.stdin.on("close", () => finish("nobody needs this server any more", 0)).resume();

const turns = new Turns(await Engine.start(), Number(process.argv[3] ?? 30_000), crashed);
let clients = 0;
const server = net.createServer({ noDelay: true }, (socket) => {
  clients += 1;
  new Session(clients, socket, turns);
});
server.on("error", (error) => finish(`cannot listen: ${error.message}`, 1));
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  process.stdout.write(`ready on port ${server.address().port}\n`);
});
