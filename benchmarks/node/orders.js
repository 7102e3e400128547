'use strict';
// Orders as benchmarks/worker.py gives them: one JSON object a line in, "answer N {...}" a line out. A program ends
// when its standard input does. Packages come from the folder in SIGHTLINE_NODE_MODULES.

const path = require('path');
const readline = require('readline');

const need = (name) => require(path.join(process.env.SIGHTLINE_NODE_MODULES, name));

// The clients build addresses on port 443 with TLS only; what they built is moved to where the relay really is.
const moved = (uri, base) => uri.replace(/^[a-z]+:\/\/[^/]+/, base);

function serve(orders) {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const order = JSON.parse(line);
    let answer;
    try {
      answer = (await orders[order.do](order)) || {};
    } catch (error) {
      answer = { error: String((error && error.message) || error) };
    }
    process.stdout.write(`answer ${order.n} ${JSON.stringify(answer)}\n`);
  });
  lines.on('close', () => process.exit(0));
}

// Figures of `once` (answers a promise), called over and over by `inFlight` loops. Delays in ms.
async function closedLoop(once, inFlight, seconds) {
  const delays = [];
  const troubles = [];
  const begun = performance.now();
  const end = begun + seconds * 1000;
  async function again() {
    for (;;) {
      const asked = performance.now();
      if (asked >= end) return;
      try {
        await once();
        delays.push(performance.now() - asked);
      } catch (error) {
        troubles.push(String((error && error.message) || error));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, again));
  const took = (performance.now() - begun) / 1000;
  delays.sort((a, b) => a - b);
  const at = (share) => (delays.length ? delays[Math.max(0, Math.ceil(share * delays.length) - 1)] : null);
  return {
    done: delays.length, failed: troubles.length, trouble: troubles[0] || '', seconds: took,
    p50: at(0.5), p95: at(0.95), p99: at(0.99),
  };
}

// The clients write their troubles with console.log: standard output is for answers.
console.log = console.error;

module.exports = { closedLoop, moved, need, serve };
