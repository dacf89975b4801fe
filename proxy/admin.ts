/**
 * The proxy's operators' port: liveness, readiness, metrics. On a port of its own so that no provider
 * path is shadowed. Says what it is told: of this process, or of all workers together.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import express from 'express';
import { Registry } from 'prom-client';
import { keysFile } from '../contract/auth-settings.ts';
import type { Settings } from '../contract/config.ts';
import { openKeyRing } from '../contract/key-ring.ts';
import { listen } from '../contract/listen.ts';
import type { Log } from '../contract/log.ts';
import { createReadCheck } from '../contract/read-check.ts';
import type { ProxyReport } from './report.ts';

export interface AdminAnswers {
  readonly version: string;
  readonly report: () => ProxyReport | Promise<ProxyReport>;
  /** Prometheus' exposition text. */
  readonly metrics: () => Promise<string>;
}

export interface Admin {
  close(): void;
}

/** @throws StartError when the port cannot be had */
export async function startAdmin(settings: Settings, dataDir: string, log: Log, answers: AdminAnswers): Promise<Admin> {
  const keys = openKeyRing(keysFile(settings, dataDir), log);
  const server = createAdminApp({ ...answers, mayRead: createReadCheck(settings, keys) });
  const close = (): void => {
    keys.close();
    server.closeAllConnections();
    server.close();
  };
  try {
    await listen(server, settings.listen.host, settings.listen.proxyAdmin, 'listen.proxyAdmin');
  } catch (error) {
    close();
    throw error;
  }
  return { close };
}

/** `mayRead`: whether this request may read more than whether the proxy is ready. */
export function createAdminApp({
  version,
  report,
  metrics,
  mayRead,
}: AdminAnswers & { readonly mayRead: (request: IncomingMessage) => boolean }): Server {
  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', (_req, res) => {
    res.json({ status: 'ok', version });
  });
  app.get('/readyz', async (req, res) => {
    const state = await report();
    res.status(state.ready ? 200 : 503).json(mayRead(req) ? state : { ready: state.ready });
  });
  app.get('/metrics', async (req, res) => {
    if (!mayRead(req)) {
      res
        .status(401)
        .set('www-authenticate', 'Bearer')
        .json({ error: 'send a key for metrics as a bearer token: glassway keys create --for metrics' });
      return;
    }
    res.type(Registry.PROMETHEUS_CONTENT_TYPE).send(await metrics());
  });
  app.use((req, res) => {
    res.status(404).json({ error: `${req.path} is not served here; known are /healthz, /readyz, /metrics` });
  });
  return createServer(app);
}
