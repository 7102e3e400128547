'use strict';
// hyco-ws as a listener: does with each connection what the test planned for the next one, and remembers it.

const moment = require('moment');
const { body, text, digest, moved, serve, Mailbox } = require('./control');

const duration = moment.duration;
let hour = null; // milliseconds between two tokens, where the test does not want to wait for an hour
moment.duration = function (...args) {
  return hour !== null && args[1] === 'hours' ? duration(hour) : duration(...args);
};

const WebSocket = require('hyco-ws');

let server = null;
let listening = new Mailbox();
let renewed = () => false;
const events = new Mailbox();
const conversations = []; // each with its plan, in the order of the plans and of the connections
let taken = 0;

function describe(data, flags) {
  const binary = Boolean(flags && flags.binary);
  return { kind: binary ? 'binary' : 'text', size: Buffer.byteLength(data), digest: digest(data) };
}

function onConnection(socket) {
  const { plan, opened, ended } = conversations[taken++];
  const messages = [];
  socket.on('error', () => {});
  socket.on('close', (code, reason) => ended.put({ code, reason: String(reason || ''), messages }));
  socket.on('message', (data, flags) => {
    messages.push(describe(data, flags));
    if (plan.do === 'echo') socket.send(data, { binary: Boolean(flags && flags.binary) });
    if (plan.do === 'close-on-message') socket.close(plan.code, plan.reason);
    if (plan.do === 'burst-on-message') burst(socket, plan);
  });
  socket.on('open', () => {
    opened.put({ address: socket.url, protocol: socket.protocol || '' });
    if (plan.do === 'close') socket.close(plan.code, plan.reason);
    if (plan.do === 'drop') socket.terminate();
    if (plan.do === 'burst') burst(socket, plan);
    if (plan.do === 'ping') {
      socket.once('pong', (data) => socket.send('pong ' + data));
      socket.ping('are you there');
    }
  });
}

function burst(socket, plan) {
  for (let i = 0; i < plan.count; i++) {
    const size = plan.size + i;
    socket.send(plan.kind === 'text' ? text(size) : body(size), { binary: plan.kind !== 'text' });
  }
}

serve({
  async listen({ base, host, path, key_name, key, life, renew_after, choose }) {
    hour = renew_after === undefined ? null : renew_after;
    const uri = moved(WebSocket.createRelayListenUri(host, path), base);
    let tokens = 0;
    const make = () => WebSocket.createRelayToken(moved(WebSocket.createRelayBaseUri(host, path), base), key_name, key,
      tokens++ ? 3600 : life);
    const options = { server: uri, token: key ? make : 'none' };
    if (choose) options.handleProtocols = (offered, done) => done(true, offered.includes(choose) ? choose : undefined);
    const told = new Mailbox();
    const made = WebSocket.createRelayedServer(options, onConnection);
    made.on('listening', () => told.put({ listening: true }));
    made.on('error', (error) => {
      // It dials again at once and for ever; one answer is enough to know.
      if (/unexpected server response/i.test(error.message)) made.closeRequested = true;
      told.put({ error: String(error.message || error) });
    });
    made.on('close', () => events.put('closed'));
    [server, listening, renewed] = [made, told, () => tokens > 1];
    return told.take();
  },

  // Resolves when the relay has taken a renewed token: what came after it on the same channel was answered.
  async renewed() {
    while (!renewed()) await new Promise((resolve) => setTimeout(resolve, 10));
    const channel = server.controlChannel;
    await new Promise((resolve) => {
      channel.once('pong', resolve);
      channel.ping('taken');
    });
  },

  again: () => listening.take(),

  plan(plan) {
    conversations.push({ plan, opened: new Mailbox(), ended: new Mailbox() });
    return conversations.length - 1;
  },

  opened: ({ number }) => conversations[number].opened.take(),

  ended: ({ number }) => conversations[number].ended.take(),

  async close() {
    server.close();
    return events.take();
  },
});
