'use strict';
// hyco-https and hyco-ws as listeners, with the handler of benchmarks/relay_listener.py; also behind a plain server.

const http = require('http');
const { moved, need, serve } = require('./orders');

const hycoHttps = need('hyco-https');
const hycoWs = need('hyco-ws');

const SMALL = Buffer.alloc(200, 'x');
const BIG = Buffer.alloc(1000000, 'x');

function handler(req, res) {
  if (req.method === 'POST') {
    let size = 0;
    req.on('data', (chunk) => { size += chunk.length; });
    req.on('end', () => res.end(String(size)));
    return;
  }
  res.setHeader('Content-Type', req.url.endsWith('/big') ? 'application/octet-stream' : 'text/plain');
  res.end(req.url.endsWith('/big') ? BIG : SMALL);
}

function online(server) {
  return new Promise((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
}

serve({
  async begin({ base, http_path, ws_path, key_name, key }) {
    const listen = (client, path) => {
      const uri = moved(client.createRelayListenUri('127.0.0.1', path), base);
      return { server: uri, token: client.createRelayToken(uri, key_name, key, 3600) };
    };
    const web = hycoHttps.createRelayedServer(listen(hycoHttps, http_path), handler);
    const webOnline = online(web);
    web.listen();
    const sockets = hycoWs.createRelayedServer(listen(hycoWs, ws_path), (socket) => {
      socket.on('error', () => {});
      socket.on('message', (data) => socket.send(data, { binary: true }));
    });
    await Promise.all([webOnline, online(sockets)]);
    const direct = http.createServer(handler);
    await new Promise((resolve) => direct.listen(0, '127.0.0.1', resolve));
    return { direct: direct.address().port };
  },
});
