// Node-RED without its editor. Modules reach functions by the global context, as its documents say.
const { Pool } = require("pg");

const pool = new Pool({ connectionString: process.env.PEER_DSN });
pool.on("error", () => {}); // an idle connection that the server closed: the next query opens another

module.exports = {
  httpAdminRoot: false,
  httpNodeRoot: false,
  uiHost: "127.0.0.1",
  uiPort: Number(process.env.PEER_UI_PORT),
  flowFile: `${__dirname}/flows.json`,
  userDir: process.env.PEER_FOLDER,
  credentialSecret: false,
  telemetry: { enabled: false, updateNotification: false },
  functionGlobalContext: { pool },
  logging: { console: { level: "warn", metrics: false, audit: false } },
};
