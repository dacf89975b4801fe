/** The short form of `npm run scale-out`. */
import { join } from 'node:path';
import { runScript } from '../kit/processes.ts';

test('two proxies of two workers each, two ingests and two shards behind nginx: whichever is killed, every call is one row and the boards agree', async () => {
  const { code, output } = await runScript(join(import.meta.dirname, 'scale-out.ts'), ['--calls', '4000']);
  process.stdout.write(output);
  expect({ code, output }).toMatchObject({ code: 0 });
}, 300_000);
