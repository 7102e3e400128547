'use strict';
// hyco-ws as a sender: connects, sends, receives and closes as the test says.

const WebSocket = require('hyco-ws');
const { body, text, digest, moved, serve, Mailbox } = require('./control');

const sockets = new Map();
let last = 0;

function describe(data, flags) {
  const binary = Boolean(flags && flags.binary);
  return {
    kind: binary ? 'binary' : 'text', size: Buffer.byteLength(data), digest: digest(data),
    text: !binary && data.length < 200 ? data : '',
  };
}

serve({
  // {number, protocol} of an open socket, or {status, reason} of a refusal, or {error}.
  async connect(call) {
    const { host, path, base, key_name, key, life } = call;
    const sas = key ? WebSocket.createRelayToken(moved(WebSocket.createRelayBaseUri(host, path), base), key_name, key,
      life) : '';
    const [suffix, query] = call.target.split(/\?(.*)/s);
    let uri = moved(WebSocket.createRelaySendUri(host, path + suffix), base);
    if (query) uri = uri.replace('?', '?' + query.replace('{token}', encodeURIComponent(sas)) + '&');
    const headers = Object.fromEntries(call.headers);
    if (call.token_in && sas) headers[call.token_in] = sas;
    const plain = !call.protocols.length && call.token_in === 'ServiceBusAuthorization' && !call.headers.length;
    const socket = plain ? WebSocket.relayedConnect(uri, sas || null) : new WebSocket(uri, call.protocols, { headers });
    const number = ++last;
    const state = { socket, received: new Mailbox(), closed: new Mailbox(), pongs: new Mailbox() };
    socket.on('message', (data, flags) => state.received.put(describe(data, flags)));
    socket.on('close', (code, reason) => state.closed.put({ code, reason: String(reason || '') }));
    socket.on('pong', (data) => state.pongs.put(String(data)));
    return new Promise((resolve) => {
      socket.on('open', () => {
        sockets.set(number, state);
        resolve({ number, protocol: socket.protocol || '' });
      });
      socket.on('unexpected-response', (req, res) => {
        res.resume();
        resolve({ status: res.statusCode, reason: res.statusMessage });
        req.abort();
      });
      socket.on('error', (error) => resolve({ error: String(error.message || error) }));
    });
  },

  async send({ number, kind, size, count }) {
    const { socket } = sockets.get(number);
    for (let i = 0; i < (count || 1); i++) {
      const data = kind === 'text' ? text(size + i) : body(size + i);
      await new Promise((resolve, reject) => socket.send(data, { binary: kind !== 'text' },
        (error) => (error ? reject(error) : resolve())));
    }
  },

  // The next messages, in order.
  async receive({ number, count }) {
    const { received } = sockets.get(number);
    const messages = [];
    for (let i = 0; i < (count || 1); i++) messages.push(await received.take());
    return messages;
  },

  async ping({ number }) {
    const { socket, pongs } = sockets.get(number);
    socket.ping('hello');
    return pongs.take();
  },

  // Says goodbye; resolves when the socket is gone.
  async close({ number, code, reason }) {
    const { socket, closed } = sockets.get(number);
    if (code) socket.close(code, reason);
    else socket.close();
    return closed.take();
  },

  async drop({ number }) {
    sockets.get(number).socket.terminate();
  },

  async closed({ number }) {
    return sockets.get(number).closed.take();
  },
});
