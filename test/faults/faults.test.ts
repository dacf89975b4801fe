/** The short form of `npm run faults`, as a part of every test run. */
import { join } from 'node:path';
import { runScript } from '../kit/processes.ts';

test('whatever is killed, stopped, full or away: every call is one row, the rollup agrees, and clients feel nothing but their own proxy’s death', async () => {
  const { code, output } = await runScript(join(import.meta.dirname, 'run.ts'), ['--quick']);
  process.stdout.write(output);
  expect({ code, output }).toMatchObject({ code: 0 });
}, 300_000);
