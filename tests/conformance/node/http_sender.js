'use strict';
// hyco-https as a sender: its tokens and addresses, and Node's own HTTP client, which is all it adds to.

const http = require('http');
const https = require('hyco-https');
const { body, digest, moved, serve } = require('./control');

const agents = {
  'http:': new http.Agent({ keepAlive: true, maxSockets: 64 }),
  'https:': new https.Agent({ keepAlive: true, maxSockets: 64 }),
};

function token({ host, path, base, key_name, key, life }) {
  const uri = moved(https.createRelayBaseUri(host, path), base.replace(/^http/, 'ws'));
  return https.createRelayToken(uri, key_name, key, life);
}

serve({
  async request(call) {
    const uri = new URL(moved(https.createRelayHttpsUri(call.host, call.path), call.base));
    const sas = call.key ? token(call) : '';
    const headers = {};
    for (const [name, value] of call.headers) {
      if (name in headers) headers[name] = [].concat(headers[name], value);
      else headers[name] = value;
    }
    if (call.token_in && sas) headers[call.token_in] = sas;
    const data = body(call.size);
    if (!call.pieces && (data.length || call.sized)) headers['Content-Length'] = data.length;
    // As written: a URL object would tidy it up.
    const target = uri.pathname + call.target.replace('{token}', encodeURIComponent(sas));
    const client = uri.protocol === 'https:' ? https : http;
    return new Promise((resolve, reject) => {
      const req = client.request({
        method: call.method, host: uri.hostname, port: uri.port || 443, path: target, headers,
        agent: agents[uri.protocol], timeout: 30000,
      }, (res) => {
        const pieces = [];
        res.on('data', (piece) => pieces.push(piece));
        res.on('error', reject);
        res.on('end', () => {
          const received = Buffer.concat(pieces);
          const pairs = [];
          for (let i = 0; i < res.rawHeaders.length; i += 2) pairs.push([res.rawHeaders[i], res.rawHeaders[i + 1]]);
          resolve({
            status: res.statusCode, reason: res.statusMessage, headers: pairs, size: received.length,
            digest: digest(received), text: received.length < 2000 ? received.toString('latin1') : '',
          });
        });
      });
      req.on('error', reject);
      req.on('timeout', () => req.destroy(new Error('no answer within 30 s')));
      if (!call.pieces) {
        req.end(data);
        return;
      }
      const step = Math.ceil(data.length / call.pieces) || 1;
      let at = 0;
      (function next() {
        if (at >= data.length) {
          req.end();
          return;
        }
        const more = req.write(data.subarray(at, at + step));
        at += step;
        if (more) setImmediate(next);
        else req.once('drain', next);
      })();
    });
  },
});
