/** The short form of `npm run scale-out`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

test('two proxies of two workers each, two ingests and two shards behind nginx: whichever is killed, every call is one row and the boards agree', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'scale-out.ts'), '--calls', '4000'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      output += text.toString();
    });
  const [code] = (await once(child, 'exit')) as [number | null];
  process.stdout.write(output);
  expect({ code, output }).toMatchObject({ code: 0 });
}, 300_000);
