'use strict';
// How the tests drive these programs: one JSON object a line on stdin ({id, op, ...}), one answer a line on stdout
// ({id, result} or {id, error}). A program ends when its stdin does.

const crypto = require('crypto');
const readline = require('readline');

// The same bytes as tests/conformance/bodies.py makes. The period is a prime, so that no two pieces of a power of two
// are alike: a body whose pieces were swapped has another hash.
const BLOCK = Buffer.alloc(65521);
for (let i = 0; i < BLOCK.length; i++) BLOCK[i] = (i * 31 + (i >> 8) * 7) & 255;

function body(size) {
  return size ? Buffer.alloc(size, BLOCK) : Buffer.alloc(0);
}

// Text of one-byte characters, as long as asked for.
function text(size) {
  return 'abcdefghijklmnopqrstuvwxyz0123456789 '.repeat(Math.ceil(size / 37)).slice(0, size);
}

function digest(data) {
  return crypto.createHash('sha256').update(data).digest('hex');
}

// The clients build addresses on port 443 with TLS only; what they built is moved to where the relay really is.
function moved(uri, base) {
  return uri.replace(/^[a-z]+:\/\/[^/]+/, base);
}

function serve(operations) {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const { id, op, ...rest } = JSON.parse(line);
    let answer;
    try {
      answer = { id, result: (await operations[op](rest)) ?? null };
    } catch (error) {
      answer = { id, error: String((error && error.stack) || error) };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  });
  lines.on('close', () => process.exit(0));
}

// Values that somebody may wait for before they are there.
class Mailbox {
  constructor() {
    this.values = [];
    this.waiting = [];
  }

  put(value) {
    const waiter = this.waiting.shift();
    if (waiter) waiter(value);
    else this.values.push(value);
  }

  take() {
    if (this.values.length) return Promise.resolve(this.values.shift());
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}

// Both clients write "renewToken error" and the like with console.log: stdout is ours alone.
console.log = console.error;

module.exports = { body, text, digest, moved, serve, Mailbox };
