/**
 * The ingest service over HTTP. `takeBatch` lists the way of a batch, in order: limits, decode, parse,
 * validate, price, insert, hand the spans on, answer; every way out is a Refusal of the table in refusal.ts. The answer 200
 * means that ClickHouse has committed the batch. Holds nothing between batches.
 */
import express, { type ErrorRequestHandler, type Express, type Request, type Response, type Router } from 'express';
import type { Log } from '../contract/log.ts';
import { BATCH_BYTES_MAX, BATCH_PATH, type BatchAnswer } from '../contract/record.ts';
import { parseLines, readBody, readHead } from './accept.ts';
import type { Access } from './access.ts';
import type { WorkBudget } from './budget.ts';
import { errorText } from './error-text.ts';
import type { IngestMetrics } from './metrics.ts';
import { Observations } from './otlp/call-metrics.ts';
import type { BatchSpans, TraceExport } from './otlp/export.ts';
import { hasUsage, type Pricer } from './price.ts';
import type { Readiness } from './readiness.ts';
import { Refusal } from './refusal.ts';
import { bodiesKey, callKey, clickhouseTime, type EncodedRow, encodeBodies, encodeCall } from './row.ts';
import { RowBytes } from './row-bytes.ts';
import { Slices } from './slices.ts';
import type { RejectedRow, Writer } from './write.ts';

export interface AppDeps {
  readonly write: Writer;
  readonly price: Pricer['price'];
  readonly readiness: Readiness;
  readonly budget: WorkBudget;
  readonly metrics: IngestMetrics;
  readonly access: Access;
  readonly isStopping: () => boolean;
  /** This process, in the rows that it writes. */
  readonly ingestId: string;
  readonly traces: Pick<TraceExport, 'begin'>;
  readonly log: Log;
  /** The built-in page and its query API, mounted at `/`. */
  readonly console: Router;
}

/** All batches' work on their lines: a batch of 10,000 records takes some 300 ms of the processor. */
const slices = new Slices();

export function createApp(deps: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((request, response, next) => {
    // What began before the stop is answered after it; a connection kept alive would hold up the end.
    response.once('finish', () => {
      if (deps.isStopping()) request.socket.destroySoon();
    });
    next();
  });
  app.post(BATCH_PATH, deps.access.batches, (request, response) => takeBatch(deps, request, response));
  app.all(BATCH_PATH, (_request, response) => {
    response.set('allow', 'POST');
    sendError(response, 405, 'method_not_allowed', `${BATCH_PATH} takes POST.`);
  });
  app.get('/healthz', (_request, response) => {
    response.json({ ok: true });
  });
  app.get('/readyz', async (request, response) => {
    const reason = deps.isStopping() ? 'shutting down' : await deps.readiness.reason();
    const told = deps.access.maySeeDetails(request) ? { reason } : {};
    response.status(reason === undefined ? 200 : 503).json(reason === undefined ? { ready: true } : { ready: false, ...told });
  });
  app.get('/metrics', deps.access.metrics, async (_request, response) => {
    response.set('content-type', deps.metrics.contentType).send(await deps.metrics.expose());
  });
  app.use(deps.console);
  app.use(['/api', '/v1'], (request, response) => {
    sendError(response, 404, 'not_found', `There is no ${request.method} ${request.originalUrl.split('?')[0]}.`);
  });
  app.use(answerFault(deps));
  return app;
}

async function takeBatch(deps: AppDeps, request: Request, response: Response): Promise<void> {
  let share: ReturnType<WorkBudget['enter']> | undefined;
  let spans: BatchSpans | undefined;
  try {
    if (deps.isStopping()) throw new Refusal('stopping', '');
    const head = readHead(request);
    if (!deps.readiness.isMigrated()) throw new Refusal('not_ready', '');
    share = deps.budget.enter();
    const body = await readBody(request, { gzip: head.gzip, bytesMax: BATCH_BYTES_MAX, reserve: share.add });
    const ingestedAt = new Date();
    spans = deps.traces.begin(ingestedAt.getTime());
    const batch = await prepare(body, deps, { ingestedAt, spans });
    await openSpans(spans);
    const refused = await deps.write({ ...head, calls: batch.calls, bodies: batch.bodies });
    spans.commit(refused);
    answer(deps, response, head.id, batch, refused);
  } catch (error) {
    refuse(deps, response, error);
  } finally {
    spans?.end();
    share?.release();
  }
}

/** A call whose span could be forgotten is not inserted: its batch comes again. */
async function openSpans(spans: BatchSpans): Promise<void> {
  try {
    await spans.open();
  } catch (error) {
    throw new Refusal('insert_failed', errorText(error), { cause: error });
  }
}

interface PreparedBatch {
  readonly calls: EncodedRow[];
  readonly bodies: EncodedRow[];
  readonly rejected: RejectedRow[];
  readonly observations: Observations;
  /** The providers of calls with known usage and no known price. */
  readonly unpriced: string[];
}

/** Parses, validates and prices, in slices: a batch of 10,000 records takes some 300 ms of the processor. */
async function prepare(
  body: Buffer,
  { price, ingestId, metrics }: AppDeps,
  { ingestedAt, spans }: { readonly ingestedAt: Date; readonly spans: BatchSpans },
): Promise<PreparedBatch> {
  const batch: PreparedBatch = { calls: [], bodies: [], rejected: [], observations: new Observations(), unpriced: [] };
  const kept = { calls: new RowBytes(), bodies: new RowBytes() };
  const written = { ingested_at: clickhouseTime(ingestedAt), ingest_id: ingestId };
  await slices.next();
  for (const parsed of parseLines(body)) {
    if ('reason' in parsed) batch.rejected.push(parsed);
    else {
      const { line, record } = parsed;
      const cost = price(record);
      if (cost.cost_source === 'none' && hasUsage(record)) batch.unpriced.push(record.provider);
      batch.calls.push({ line, bytes: kept.calls.add(encodeCall(record, cost, written)), key: callKey(record) });
      metrics.calls.observe(record, line, batch.observations);
      spans.add(line, record, cost);
      const bodies = encodeBodies(record);
      if (bodies !== undefined) batch.bodies.push({ line, bytes: kept.bodies.add(bodies), key: bodiesKey(record) });
    }
    if (slices.over) await slices.next();
  }
  return batch;
}

function answer(deps: AppDeps, response: Response, batchId: string, batch: PreparedBatch, refused: readonly RejectedRow[]): void {
  const rejected = [...batch.rejected, ...refused].sort((a, b) => a.line - b.line);
  const lost = new Set(refused.map((row) => row.line));
  const accepted = batch.calls.filter((row) => !lost.has(row.line)).length;
  deps.metrics.records(accepted, rejected.length);
  for (const provider of batch.unpriced) deps.metrics.unpriced(provider);
  batch.observations.count(lost);
  deps.metrics.batchAnswered(200);
  if (rejected.length > 0)
    deps.log('warn', `batch ${batchId}: ${rejected.length} records set aside; line ${rejected[0]?.line}: ${rejected[0]?.reason}`);
  const body: BatchAnswer = { batch_id: batchId, accepted, rejected };
  response.json(body);
}

function refuse(deps: AppDeps, response: Response, error: unknown): void {
  const refusal = error instanceof Refusal ? error : new Refusal('internal', '', { cause: error });
  if (refusal.code === 'internal') deps.log('error', `ingest failed on a batch: ${error instanceof Error ? error.stack : String(error)}`);
  if (refusal.code === 'insert_failed') deps.log('warn', refusal.message);
  if (refusal.code === 'schema_mismatch') deps.log('error', refusal.message);
  deps.metrics.batchAnswered(refusal.status);
  deps.metrics.batchRefused(refusal.code);
  if (refusal.retryAfterSeconds !== undefined) response.set('retry-after', String(refusal.retryAfterSeconds));
  if (refusal.code === 'unsupported_encoding') response.set('accept-encoding', 'gzip');
  sendError(response, refusal.status, refusal.code, refusal.message);
}

function sendError(response: Response, status: number, code: string, message: string): void {
  if (response.headersSent || response.destroyed) return;
  response.status(status).json({ error: { code, message } });
}

/** Last resort of the other routes, the console's included: no stack, no HTML. */
function answerFault({ log }: AppDeps): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    const status = typeof error === 'object' && error !== null && 'status' in error ? Number(error.status) : 500;
    if (!(status >= 400 && status < 500))
      log('error', `${request.method} ${request.path}: ${error instanceof Error ? error.stack : String(error)}`);
    sendError(response, status >= 400 && status < 500 ? status : 500, 'request_failed', 'The request could not be answered.');
  };
}
