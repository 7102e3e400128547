'use strict';
// hyco-https as a listener: answers each request as the test planned it, and remembers what it was asked.

const moment = require('moment');
const { body, digest, moved, serve, Mailbox } = require('./control');

// hyco-https asks for a new token every hour. For a test that waits for it, an hour is as long as the test says.
const duration = moment.duration;
let hour = null;
moment.duration = function (...args) {
  return hour !== null && args[1] === 'hours' ? duration(hour) : duration(...args);
};

const https = require('hyco-https');

let server = null;
let listening = new Mailbox();
let renewed = () => false;
const plans = new Map(); // row -> what to answer
const seen = new Map(); // row -> Mailbox of what was asked
const events = new Mailbox();

function mailbox(row) {
  if (!seen.has(row)) seen.set(row, new Mailbox());
  return seen.get(row);
}

function answer(plan, res) {
  res.statusCode = plan.status;
  if (plan.reason) res.statusMessage = plan.reason;
  const headers = new Map();
  for (const [name, value] of plan.headers) headers.set(name, [...(headers.get(name) || []), value]);
  for (const [name, values] of headers) res.setHeader(name, values.length === 1 ? values[0] : values);
  const data = body(plan.size);
  if (!plan.pieces) {
    if (data.length) res.end(data);
    else res.end();
    return;
  }
  const step = Math.ceil(data.length / plan.pieces) || 1;
  let at = 0;
  (function next() {
    if (at >= data.length) {
      res.end();
      return;
    }
    res.write(data.subarray(at, at + step));
    at += step;
    setImmediate(next);
  })();
}

function onRequest(req, res) {
  const pieces = [];
  req.on('data', (piece) => pieces.push(piece));
  req.on('end', () => {
    const data = Buffer.concat(pieces);
    const row = req.headers['x-row'] || '';
    mailbox(row).put({
      method: req.method, target: req.url, headers: req.headers, size: data.length, digest: digest(data),
    });
    answer(plans.get(row) || { status: 200, reason: '', headers: [], size: 0, pieces: 0 }, res);
  });
}

serve({
  // Resolves with "listening" or with the first error the client tells of.
  async listen({ base, host, path, key_name, key, life, renew_after }) {
    hour = renew_after === undefined ? null : renew_after;
    const uri = moved(https.createRelayListenUri(host, path), base);
    let tokens = 0;
    const make = () => https.createRelayToken(moved(https.createRelayBaseUri(host, path), base), key_name, key,
      tokens++ ? 3600 : life);
    const told = new Mailbox();
    const made = https.createRelayedServer({ server: uri, token: key ? make : 'none' }, onRequest);
    made.on('listening', () => told.put({ listening: true }));
    made.on('error', (error) => {
      // It dials again for ever; one answer is enough to know.
      if (/unexpected server response/i.test(error.message)) made.closeRequested = true;
      told.put({ error: String(error.message || error) });
    });
    made.on('close', () => events.put('closed'));
    made.listen();
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

  // What the control channel does next: listening again after a loss, or an error.
  again: () => listening.take(),

  async plan({ row, ...plan }) {
    plans.set(row, plan);
  },

  async seen({ row }) {
    const what = await mailbox(row).take();
    return what;
  },

  async close() {
    server.close();
    return events.take();
  },
});
