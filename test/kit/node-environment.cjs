/**
 * Jest's Node environment with one thing more: undici's global dispatcher, which Node keeps on the outer
 * global object under a registered symbol and which @google/genai looks for there.
 */
const { TestEnvironment } = require('jest-environment-node');

const DISPATCHERS = ['undici.globalDispatcher.1', 'undici.globalDispatcher.2'].map((name) => Symbol.for(name));

module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    // Node makes its dispatcher when fetch is first touched.
    void globalThis.fetch;
    await globalThis.fetch('data:,').catch(() => undefined);
    for (const name of DISPATCHERS) if (globalThis[name] !== undefined) this.global[name] = globalThis[name];
  }
};
