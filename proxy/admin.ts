/**
 * The proxy's operators' port: liveness, readiness, metrics. On a port of its own so that no provider
 * path is shadowed.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import express from 'express';
import type { Journal } from './journal.ts';
import type { ProxyMetrics } from './metrics.ts';

export interface AdminOptions {
  readonly metrics: ProxyMetrics;
  readonly journal: Journal;
  readonly version: string;
  readonly ingestUrl: string | undefined;
  /** Records lost so far, by reason. */
  readonly losses: () => Readonly<Record<string, number>>;
  readonly state: { readonly accepting: boolean };
  /** Whether this request may read more than whether the proxy is ready. */
  readonly mayRead: (request: IncomingMessage) => boolean;
}

export function createAdminApp({ metrics, journal, version, ingestUrl, losses, state, mayRead }: AdminOptions): Server {
  const app = express();
  app.disable('x-powered-by');
  app.get('/healthz', (_req, res) => {
    res.json({ status: 'ok', version });
  });
  app.get('/readyz', (req, res) => {
    const status = state.accepting ? 200 : 503;
    if (!mayRead(req)) {
      res.status(status).json({ ready: state.accepting });
      return;
    }
    // Ingest being away is no reason to send calls elsewhere: calls work without it.
    const { fault, inFlight, memoryRecords } = journal.state;
    res.status(status).json({
      ready: state.accepting,
      ingest_url: ingestUrl ?? null,
      queue_records: journal.records,
      queue_bytes: journal.bytes,
      // Nor is a failing disk: records wait in memory.
      journal: {
        ok: fault === undefined,
        fault: fault ?? null,
        calls_in_flight: inFlight,
        records_in_memory: memoryRecords,
        records_lost: losses(),
      },
    });
  });
  app.get('/metrics', async (req, res) => {
    if (!mayRead(req)) {
      res
        .status(401)
        .set('www-authenticate', 'Bearer')
        .json({ error: 'send a key for metrics as a bearer token: glassway keys create --for metrics' });
      return;
    }
    res.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  app.use((req, res) => {
    res.status(404).json({ error: `${req.path} is not served here; known are /healthz, /readyz, /metrics` });
  });
  return createServer(app);
}
