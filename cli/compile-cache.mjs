/**
 * Loaded before everything else by the npm scripts: what Node compiles (and strips of its types) is kept for the next
 * start. Plain JavaScript, since TypeScript would already need what this avoids.
 */
import { enableCompileCache } from 'node:module';

enableCompileCache();
