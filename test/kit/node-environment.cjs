/**
 * Jest's Node environment with two things more: undici's global dispatcher, which Node keeps on the outer global object
 * under a registered symbol and which @google/genai looks for there; and an end to whatever a test file left behind
 * (kits' things by test/kit/leftovers.ts, and any listening server or child process), without which one failed
 * expectation would hold Jest open for ever.
 */
const { ChildProcess } = require('node:child_process');
const { Server } = require('node:net');
const { TestEnvironment } = require('jest-environment-node');

const DISPATCHERS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'].map((name) => Symbol.for(name));
const LEFTOVERS = Symbol.for('glassway.test.leftovers');
const END_MS_MAX = 20_000;

module.exports = class extends TestEnvironment {
  #children = new Set();
  #servers = new Map();
  #unwatch = [];

  async setup() {
    await super.setup();
    // Node makes its dispatcher when fetch is first touched.
    void globalThis.fetch;
    await globalThis.fetch('data:,').catch(() => undefined);
    for (const name of DISPATCHERS) if (globalThis[name] !== undefined) this.global[name] = globalThis[name];
    this.global[LEFTOVERS] = [];
    this.#watch(ChildProcess.prototype, 'spawn', (child) => {
      this.#children.add(child);
      child.once('exit', () => this.#children.delete(child));
    });
    this.#watch(Server.prototype, 'listen', (server) => this.#note(server));
  }

  async teardown() {
    // The last begun is the first to end: it may need the others.
    for (const end of this.global[LEFTOVERS].reverse()) await within(END_MS_MAX, end);
    for (const child of this.#children) child.kill('SIGKILL');
    for (const [server, sockets] of this.#servers) {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
    for (const undo of this.#unwatch) undo();
    await super.teardown();
  }

  /** Core modules are the same inside and outside the test's context, so that their prototypes see what it does. */
  #watch(prototype, name, seen) {
    const original = prototype[name];
    prototype[name] = function (...args) {
      seen(this);
      return original.apply(this, args);
    };
    this.#unwatch.push(() => {
      prototype[name] = original;
    });
  }

  #note(server) {
    if (this.#servers.has(server)) return;
    const sockets = new Set();
    this.#servers.set(server, sockets);
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.once('close', () => this.#servers.delete(server));
  }
};

async function within(limit_ms, end) {
  let timer;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, limit_ms);
  });
  try {
    await Promise.race([end(), limit]);
  } catch {
    // The test that began it has failed for a better reason.
  } finally {
    clearTimeout(timer);
  }
}
