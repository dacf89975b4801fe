/**
 * Jest's transform: takes the types off with the same library that Node itself uses, so that tests
 * run the very source that production runs. Source positions stay as they are.
 */
const { transformSync } = require('amaro');
const { createHash } = require('node:crypto');

module.exports = {
  process: (source, filename) => ({ code: filename.endsWith('.ts') ? transformSync(source, { mode: 'strip-only' }).code : source }),
  getCacheKey: (source, filename) => createHash('sha256').update(filename).update('\0').update(source).digest('hex'),
};
