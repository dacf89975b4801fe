/**
 * Who is measured: a table. Each entry starts one fresh process in front of the bench's provider and says how to
 * call it. What is not there on this machine says why and is left out.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { glasswayPorts } from '../../kit/glassway.ts';
import { listening, type Started, start } from '../processes.ts';
import { litellmCommand, portkeyEntry } from './rivals.ts';

const HERE = import.meta.dirname;
const MAIN = resolve(HERE, '../../../cli/main.ts');
const CHAT = '/v1/chat/completions';

export interface Running {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Its processes' root; 0 where there is none. */
  readonly pid: number;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly providerPort: number;
  /** The provider speaks TLS, and this file has its certificate. */
  readonly tls?: boolean;
  readonly ca?: string;
  readonly workers?: number;
  /** Leave it to the system where it runs, because it has several processes. */
  readonly unpinned?: boolean;
  readonly nodeArgs?: readonly string[];
}

export interface Contender {
  readonly name: string;
  readonly start: (options: StartOptions) => Promise<Running>;
}

const core = ({ unpinned }: StartOptions) => (unpinned ? 'any' : 'contender');

const trusting = ({ ca }: StartOptions): Record<string, string> => (ca === undefined ? {} : { NODE_EXTRA_CA_CERTS: ca });

async function freePort(): Promise<number> {
  return (await glasswayPorts()).proxy;
}

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'glassway-bench-'));
  scratchDirs.push(dir);
  return dir;
}

/** Folders to remove at the end. */
export const scratchDirs: string[] = [];

async function started(process: Started, port: number, call: Pick<Running, 'path' | 'headers'>, also?: Started): Promise<Running> {
  try {
    await listening(port, process);
  } catch (error) {
    await Promise.all([process.stop(), also?.stop()]);
    throw error;
  }
  return {
    port,
    ...call,
    pid: process.pid,
    async stop() {
      await process.stop();
      await also?.stop();
    },
  };
}

const direct: Contender = {
  name: 'direct',
  start: async ({ providerPort }) => ({ port: providerPort, path: CHAT, headers: {}, pid: 0, stop: async () => {} }),
};

const bare: Contender = {
  name: 'bare node:http pipe',
  async start(options) {
    const port = await freePort();
    const args = [...(options.nodeArgs ?? []), join(HERE, 'bare-pipe.ts'), String(port), String(options.providerPort)];
    args.push(options.tls ? 'https' : 'http');
    if (options.workers !== undefined) args.push(String(options.workers));
    return started(start(process.execPath, args, { core: core(options), env: trusting(options) }), port, { path: CHAT, headers: {} });
  },
};

const nginx: Contender = {
  name: 'nginx',
  async start(options) {
    const port = await freePort();
    const dir = scratch();
    chmodSync(dir, 0o755);
    const config = join(dir, 'nginx.conf');
    const scheme = options.tls ? 'https' : 'http';
    writeFileSync(
      config,
      `worker_processes ${options.workers ?? 1};
daemon off;
pid ${dir}/pid;
error_log stderr crit;
worker_rlimit_nofile 60000;
events { worker_connections 30000; }
http {
  access_log off;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  keepalive_requests 1000000000;
  upstream provider { server 127.0.0.1:${options.providerPort}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=16384;
    location / {
      proxy_pass ${scheme}://provider; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_ssl_session_reuse on; proxy_read_timeout 600s;
    }
  }
}
`,
    );
    return started(start('nginx', ['-c', config, '-p', dir], { core: core(options) }), port, { path: CHAT, headers: {} });
  },
};

/** `capture`: what the project stores. `ships` false: there is no ingest to ship to, records stay in the journal. */
function glassway(
  name: string,
  { capture = 'metadata', ships = true }: { capture?: 'metadata' | 'full'; ships?: boolean } = {},
): Contender {
  return {
    name,
    async start(options) {
      const ports = await glasswayPorts();
      const dir = scratch();
      const file = join(dir, 'glassway.yaml');
      const baseUrl = `${options.tls ? 'https' : 'http'}://127.0.0.1:${options.providerPort}`;
      const settings = {
        listen: ports,
        upstreams: { openai: { baseUrl } },
        projects: { bench: { capture } },
        ...(ships && { ingestUrl: `http://127.0.0.1:${ports.ingest}` }),
        ...(options.workers !== undefined && { workers: options.workers }),
      };
      writeFileSync(file, JSON.stringify(settings)); // JSON is YAML
      const sink = ships ? start(process.execPath, [join(HERE, 'sink.ts'), String(ports.ingest)], { core: 'load' }) : undefined;
      const args = [...(options.nodeArgs ?? []), MAIN, 'proxy', '--config', file, '--data', join(dir, 'data')];
      const proxy = start(process.execPath, args, { core: core(options), cwd: dir, env: trusting(options) });
      return started(proxy, ports.proxy, { path: `/openai${CHAT}`, headers: { 'x-glassway-project': 'bench' } }, sink);
    },
  };
}

/** The whole of it, one after another on the contender's processor: proxy, ingest, ClickHouse, and a span a call exported. */
const glasswayUp: Contender = {
  name: 'Glassway, all with export',
  async start(options) {
    const [ports, receiver] = [await glasswayPorts(), await freePort()];
    const dir = scratch();
    const file = join(dir, 'glassway.yaml');
    const baseUrl = `${options.tls ? 'https' : 'http'}://127.0.0.1:${options.providerPort}`;
    writeFileSync(file, JSON.stringify({ listen: ports, upstreams: { openai: { baseUrl } } }));
    const sink = start(process.execPath, [join(HERE, 'sink.ts'), String(receiver)], { core: 'load' });
    const env = { ...trusting(options), OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver}` };
    const up = start(process.execPath, [MAIN, 'up', '--config', file, '--data', join(dir, 'data')], { core: core(options), cwd: dir, env });
    return started(up, ports.proxy, { path: `/openai${CHAT}`, headers: { 'x-glassway-project': 'bench' } }, sink);
  },
};

const expressHpm: Contender = {
  name: 'Express + http-proxy-middleware',
  async start(options) {
    const port = await freePort();
    const proxy = start(process.execPath, [join(HERE, 'express.ts'), String(port), String(options.providerPort)], { core: core(options) });
    return started(proxy, port, { path: CHAT, headers: {} });
  },
};

const portkey: Contender = {
  name: 'Portkey',
  async start(options) {
    const entry = portkeyEntry();
    const port = await freePort();
    const proxy = start(process.execPath, [entry, `--port=${port}`, '--headless'], {
      core: core(options),
      env: { NODE_ENV: 'production' },
    });
    return started(proxy, port, {
      path: CHAT,
      headers: { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': `http://127.0.0.1:${options.providerPort}/v1` },
    });
  },
};

const litellm: Contender = {
  name: 'LiteLLM',
  async start(options) {
    const command = litellmCommand();
    const port = await freePort();
    const dir = scratch();
    const file = join(dir, 'config.yaml');
    const params = { model: 'openai/gpt-4o-mini', api_base: `http://127.0.0.1:${options.providerPort}/v1`, api_key: 'sk-bench' };
    writeFileSync(file, JSON.stringify({ model_list: [{ model_name: 'gpt-4o-mini', litellm_params: params }] }));
    // It refuses to start without a key of its own, which would be one more check a call.
    const env = { LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: 'true' };
    const proxy = start(command, ['--config', file, '--port', String(port), '--host', '127.0.0.1'], { core: core(options), cwd: dir, env });
    return started(proxy, port, { path: CHAT, headers: {} });
  },
};

export const BARE = bare;
export const DIRECT = direct;
export const GLASSWAY = glassway('Glassway');
export const NGINX = nginx;
export const PORTKEY = portkey;
/** Those whose distance from the yardstick is no goal. */
export const RIVALS: readonly Contender[] = [
  direct,
  bare,
  glassway('Glassway, no ingest', { ships: false }),
  glassway('Glassway, full bodies', { capture: 'full' }),
  glasswayUp,
  expressHpm,
  portkey,
  litellm,
];

/** Why a contender cannot run here; undefined: it can. */
export function missing({ name }: Contender): string | undefined {
  try {
    if (name === 'nginx' && spawnSync('nginx', ['-v']).error) return 'nginx is not installed';
    if (name === 'Portkey') portkeyEntry();
    if (name === 'LiteLLM') litellmCommand();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
