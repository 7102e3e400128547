'use strict';
// Node's own HTTP client with a token of hyco-https, and hyco-ws as a sender: load as benchmarks/relay_sender.py makes.

const http = require('http');
const { closedLoop, moved, need, serve } = require('./orders');

const hycoHttps = need('hyco-https');
const hycoWs = need('hyco-ws');

const MESSAGE = Buffer.alloc(200, 'x');
const BIG = Buffer.alloc(1000000, 'x');
const LOST = 5000; // ms after which an answer counts as failed

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
let setting;

function token(client, path) {
  return client.createRelayToken(moved(client.createRelayListenUri('127.0.0.1', path), setting.base), setting.key_name,
    setting.key, 3600);
}

function request({ direct, fresh, method, suffix, data, wanted, path }) {
  return new Promise((resolve, reject) => {
    const req = http.request({
      method, host: '127.0.0.1', port: direct ? setting.direct : setting.port, path: `/${path}${suffix}`,
      headers: setting.headers[path], agent: fresh ? false : agent, timeout: LOST,
    }, (res) => {
      let size = 0;
      res.on('data', (chunk) => { size += chunk.length; });
      res.on('error', reject);
      res.on('end', () => {
        if (res.statusCode !== 200 || (wanted && size !== wanted)) reject(new Error(`a wrong answer: ${res.statusCode}`));
        else resolve();
      });
    });
    req.on('error', reject);
    req.on('timeout', () => req.destroy(new Error('no answer in time')));
    req.end(data);
  });
}

function connect() {
  const uri = moved(hycoWs.createRelaySendUri('127.0.0.1', setting.ws_path), setting.base);
  const socket = hycoWs.relayedConnect(uri, token(hycoWs, setting.ws_path));
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve(socket));
    socket.on('error', reject);
  });
}

serve({
  // http_paths: the listeners that will be asked, Microsoft's and ours.
  begin(order) {
    setting = order;
    setting.headers = Object.fromEntries(order.http_paths.map((path) => [path, {
      ServiceBusAuthorization: token(hycoHttps, path),
    }]));
  },

  get: (order) => closedLoop(() => request({
    method: 'GET', direct: order.direct, path: order.path, suffix: order.suffix ? `/${order.suffix}` : '',
    wanted: order.bytes || MESSAGE.length,
  }), order.in_flight, order.seconds),

  post: (order) => closedLoop(() => request({
    method: 'POST', direct: order.direct, path: order.path, suffix: '', data: BIG, wanted: 7,
  }), order.in_flight, order.seconds),

  first_byte: (order) => closedLoop(() => request({
    method: 'GET', path: order.path, suffix: '', fresh: true, wanted: MESSAGE.length,
  }), order.in_flight, order.seconds),

  first_message: (order) => closedLoop(async () => {
    const socket = await connect();
    await new Promise((resolve) => {
      socket.on('message', resolve);
      socket.send(MESSAGE, { binary: true });
    });
    socket.terminate();
  }, order.in_flight, order.seconds),

  async messages(order) {
    const socket = await connect();
    const waiting = [];
    socket.on('message', () => waiting.shift()());
    const figures = await closedLoop(() => new Promise((resolve) => {
      waiting.push(resolve);
      socket.send(MESSAGE, { binary: true });
    }), order.in_flight, order.seconds);
    socket.close();
    return figures;
  },
});
