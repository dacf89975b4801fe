/** The short form of `npm run faults`, as a part of every test run. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

test('whatever is killed, stopped, full or away: every call is one row, the rollup agrees, and clients feel nothing but their own proxy’s death', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run.ts'), '--quick'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      output += text.toString();
    });
  const [code] = (await once(child, 'exit')) as [number | null];
  process.stdout.write(output);
  expect({ code, output }).toMatchObject({ code: 0 });
}, 300_000);
