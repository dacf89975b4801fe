/**
 * Imported before everything else: an older Node would fail on the first thing that it lacks, with a message about
 * that thing. Ends the process with one that says what to do.
 */
import { readFileSync } from 'node:fs';

interface PackageJson {
  readonly engines: { readonly node: string };
}

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as PackageJson;
const [majorMin = 0, minorMin = 0] = engines.node.replace('>=', '').split('.').map(Number);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < majorMin || (major === majorMin && minor < minorMin)) {
  process.stderr.write(
    `Glassway needs Node ${majorMin}.${minorMin} or newer; this is ${process.versions.node}. ` +
      'Install one (https://nodejs.org), or run it with the one that npm brings: npx -p node@24 -p glassway glassway up\n',
  );
  process.exit(1);
}
