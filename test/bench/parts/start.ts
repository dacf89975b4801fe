/** From the command to the first answer: the proxy alone, and everything on the data of an earlier run. */
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { glasswayPorts, type Ports, startGlassway } from '../../kit/glassway.ts';
import { scratchDirs } from '../contenders/index.ts';
import { start } from '../processes.ts';
import { median } from '../stats.ts';
import type { Part } from './index.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
/** As the npm scripts start it. */
const GLASSWAY = ['--import', join(ROOT, 'cli/compile-cache.mjs'), join(ROOT, 'cli/main.ts')];
const READY_MS_MAX = 60_000;

export const measureStart: Part = async ({ quick }) => {
  const runs = quick ? 2 : 5;
  const dir = mkdtempSync(join(tmpdir(), 'glassway-bench-'));
  scratchDirs.push(dir);
  const dataDir = join(dir, 'data');
  await (await startGlassway({ dataDir })).stop();
  const proxy_ms: number[] = [];
  const up_ms: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    proxy_ms.push(await untilReady(dir, dataDir, 'proxy', ({ proxyAdmin }) => proxyAdmin));
    up_ms.push(await untilReady(dir, dataDir, 'up', ({ ingest }) => ingest));
  }
  return {
    rows: new Map([
      ['glassway proxy', { ready_ms: median(proxy_ms), fastest_ms: Math.min(...proxy_ms) }],
      ['glassway up', { ready_ms: median(up_ms), fastest_ms: Math.min(...up_ms) }],
    ]),
  };
};

async function untilReady(dir: string, dataDir: string, command: string, portOf: (ports: Ports) => number): Promise<number> {
  const ports = await glasswayPorts();
  const file = join(dir, 'glassway.yaml');
  writeFileSync(file, JSON.stringify({ listen: ports })); // JSON is YAML
  const started_ms = performance.now();
  const running = start(process.execPath, [...GLASSWAY, command, '--config', file, '--data', dataDir], { cwd: dir });
  while (!(await isReady(portOf(ports)))) {
    if (running.process.exitCode !== null) throw new Error(`glassway ${command} ended: ${running.output()}`);
    if (performance.now() - started_ms > READY_MS_MAX) throw new Error(`glassway ${command} is not ready: ${running.output()}`);
    await sleep(5);
  }
  const ready_ms = performance.now() - started_ms;
  const exited = once(running.process, 'exit');
  running.process.kill('SIGINT');
  await exited;
  return ready_ms;
}

async function isReady(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false; // not listening yet
  }
}
