// An OPC UA server on node-opcua: a tank farm to test the driver against something that is not our own library.
//
//   node server.js '{"folder": "/tmp/x", "port": 0, "security": ["None"], ...}'
//
// One line of JSON comes out when it is ready: {"ready": "opc.tcp://127.0.0.1:41234/UA/Farm", "port": 41234}.
// Then every line of JSON on stdin is a command {"id": 1, "do": "counts", ...}, answered by one line with the same id.
// It ends when stdin ends, so it never outlives its test.
//
// Options (see DEFAULTS below): where the files are, who may sign in, how large the farm is, how little a call may ask.
// folder      holds server.pem (certificate), server.key, and trusted/*.der; made by tests/support/opcua_node/process.py
//
// Adding to this server (alarms, ...): put a file beside this one that exports
//     install({server, addressSpace, namespace, opcua, options, farm, commands})
// and name it in options.extras: {"extras": ["alarms.js"]}. It is called after the farm was built and before the
// endpoints open; it may be async. `farm.node("TK-001.Level")` is a variable of the farm, `farm.folder` its folder,
// `farm.units` the tank objects by name. `commands.raise = async (command) => answer` adds a command for stdin; `options`
// has whatever the test gave, so keep yours under one key (options.alarms).
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
globalThis.crypto ??= require("node:crypto").webcrypto; // Node 18 has it under this name only; before node-opcua is loaded
const opcua = require("node-opcua");
const { buildFarm } = require("./farm.js");

const DEFAULTS = {
  host: "127.0.0.1",
  port: 0,
  security: ["None"], // of None, Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss; all but None in both modes
  users: {}, // name: password
  anonymous: true,
  fillers: 0, // namespaces registered before the farm's own, so that its index changes
  max_read: 0, // operation limits; 0: none is stated and none enforced
  max_items: 0,
  max_browse: 0,
  max_translate: 0,
  max_history: 0,
  max_write: 0,
  max_sessions: 20,
  max_subscriptions: 10, // of a session
  max_items_per_subscription: 100000,
  browse_points: 10, // continuation points of a session
  tanks: 0, // of 10 changing analog variables each
  change_ms: 1000,
  crowd: 0, // plain variables in one folder, for browsing
  history: 0, // samples in the past, one a second
  aggregates: true,
  service_level: 255,
  extras: [],
};

async function main() {
  const options = { ...DEFAULTS, ...JSON.parse(process.argv[2] || "{}") };
  const pki = new opcua.OPCUACertificateManager({ rootFolder: path.join(options.folder, "pki") });
  await pki.initialize();
  for (const name of options.trusted || []) {
    await pki.trustCertificate(fs.readFileSync(path.join(options.folder, name)));
  }
  const server = new opcua.OPCUAServer({
    port: options.port,
    host: options.host,
    hostname: options.host,
    alternateHostname: [],
    resourcePath: "/UA/Farm",
    certificateFile: path.join(options.folder, "server.pem"),
    privateKeyFile: path.join(options.folder, "server.key"),
    serverCertificateManager: pki,
    userCertificateManager: pki,
    serverInfo: { applicationUri: "urn:test:farm", productUri: "urn:test:farm", applicationName: { text: "Farm" } },
    buildInfo: { productName: "Farm", buildNumber: "1", buildDate: new Date(0) },
    securityPolicies: options.security.map((name) => opcua.SecurityPolicy[name]),
    securityModes: modes(options.security),
    allowAnonymous: options.anonymous,
    disableDiscovery: true,
    userManager: { isValidUser: (name, password) => Object.hasOwn(options.users, name) && options.users[name] === password },
    maxConnectionsPerEndpoint: 50,
    serverCapabilities: {
      maxSessions: options.max_sessions,
      maxSubscriptionsPerSession: options.max_subscriptions,
      maxMonitoredItemsPerSubscription: options.max_items_per_subscription,
      maxBrowseContinuationPoints: options.browse_points,
      maxHistoryContinuationPoints: 10,
      operationLimits: {
        maxNodesPerRead: options.max_read,
        maxNodesPerBrowse: options.max_browse,
        maxNodesPerWrite: options.max_write,
        maxMonitoredItemsPerCall: options.max_items,
        maxNodesPerTranslateBrowsePathsToNodeIds: options.max_translate,
        maxNodesPerHistoryReadData: options.max_history,
      },
    },
  });
  await server.initialize();
  const addressSpace = server.engine.addressSpace;
  for (let i = 0; i < options.fillers; i++) addressSpace.registerNamespace(`urn:test:filler:${i}`);
  const namespace = addressSpace.registerNamespace("urn:test:farm:things");
  const state = { level: options.service_level };
  const serviceLevel = addressSpace.findNode("ns=0;i=2267");
  serviceLevel.bindVariable({ get: () => new opcua.Variant({ dataType: opcua.DataType.Byte, value: state.level }) }, true);
  serviceLevel.minimumSamplingInterval = 100;
  const farm = await buildFarm({ addressSpace, namespace, opcua, options });
  const commands = makeCommands({ server, farm, state });
  for (const name of options.extras) {
    const extra = require(path.join(__dirname, path.basename(name)));
    await extra.install({ server, addressSpace, namespace, opcua, options, farm, commands });
  }
  await server.start();
  const port = server.endpoints[0].port;
  say({ ready: `opc.tcp://${options.host}:${port}/UA/Farm`, port });
  listen(commands, async () => {
    farm.stop();
    await server.shutdown(0);
    process.exit(0);
  });
}

function modes(policies) {
  const wanted = [];
  if (policies.includes("None")) wanted.push(opcua.MessageSecurityMode.None);
  if (policies.some((name) => name !== "None")) {
    wanted.push(opcua.MessageSecurityMode.Sign, opcua.MessageSecurityMode.SignAndEncrypt);
  }
  return wanted;
}

function makeCommands({ server, farm, state }) {
  return {
    // What reached the plant: writes and calls by node, and how many sessions there are.
    counts: async () => ({ ...farm.counts, sessions: server.engine.currentSessionCount }),
    set: async ({ node, value, status, time, type }) => farm.set(node, value, { status, time, type }),
    service_level: async ({ level }) => {
      state.level = level;
    },
    // Forget every session without a word, as a server does that was restarted inside.
    drop_sessions: async () => {
      for (const session of Object.values(server.engine._sessions)) {
        server.engine.closeSession(session.authenticationToken, true, "Forcing");
      }
    },
    // Lifetime in ms of every session, by its number.
    sessions: async () => {
      const sessions = Object.values(server.engine._sessions);
      return { timeouts: Object.fromEntries(sessions.map((session) => [session.nodeId.toString(), session.sessionTimeout])) };
    },
    items: async () => {
      let items = 0;
      let subscriptions = 0;
      for (const session of Object.values(server.engine._sessions)) {
        for (const subscription of Object.values(session.publishEngine._subscriptions)) {
          subscriptions += 1;
          items += subscription.monitoredItemCount;
        }
      }
      return { items, subscriptions };
    },
    // Continuation points that nobody has released.
    points: async () => {
      let points = 0;
      for (const session of Object.values(server.engine._sessions)) {
        points += session.continuationPointManager._map.size;
      }
      return { points };
    },
  };
}

function listen(commands, end) {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    let id = 0;
    try {
      const command = JSON.parse(line);
      id = command.id;
      if (command.do === "stop") {
        say({ id });
        await end();
        return;
      }
      if (!Object.hasOwn(commands, command.do)) throw new Error(`no command ${command.do}`);
      say({ id, ...((await commands[command.do](command)) || {}) });
    } catch (error) {
      say({ id, error: String(error.stack || error) });
    }
  });
  lines.on("close", end);
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

main().catch((error) => {
  process.stderr.write(`${error.stack || error}\n`);
  process.exit(1);
});
