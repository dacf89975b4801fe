/**
 * The proxy's way of a call, top to bottom: admit → route → identify → tap → forward. One handler, whether Glassway has read the
 * request itself (server/) or Node has, without a framework in between; upgrades and malformed HTTP come in by the server's own events.
 * Gives the server, not yet listening. A call meets nothing here that waits, but the provider.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { keysRequired } from '../contract/auth-settings.ts';
import type { CaptureMode } from '../contract/columns.ts';
import type { Settings } from '../contract/config.ts';
import { GatewayError } from '../contract/errors.ts';
import { type KeyRing, NO_KEYS } from '../contract/key-ring.ts';
import type { Log } from '../contract/log.ts';
import { redactSettingsOf } from '../contract/privacy-settings.ts';
import { createAdmit, credentialFor, lookedAt } from './admit.ts';
import { effectiveCapture } from './capture.ts';
import { UpstreamClient } from './client/client.ts';
import type { UpstreamTable } from './config.ts';
import { createEstimator, type Estimator } from './estimate/estimator.ts';
import { HeldBytes } from './estimate/held-bytes.ts';
import { faultText } from './fault-text.ts';
import { forward } from './forward.ts';
import { createIdentify } from './identify.ts';
import type { FinishedRecord, Journal, RecordEnd } from './journal.ts';
import type { ProxyMetrics } from './metrics.ts';
import type { ProviderKeys } from './provider-keys.ts';
import { DIALECTS } from './providers/index.ts';
import type { Dialect } from './providers/provider.ts';
import { createRedactor, type Redactor } from './redact.ts';
import { dialectOfPath, internalError, rawErrorResponse, sendError } from './respond.ts';
import { createRouter, withoutQueryKey } from './route.ts';
import type { Answer } from './server/caller.ts';
import { NodeAnswer } from './server/node-answer.ts';
import type { PlainRequest } from './server/plain-connection.ts';
import { PlainConnections } from './server/plain-connections.ts';
import { SlowUploads, type WatchedUpload } from './slow-uploads.ts';
import { checkStrictly } from './strictness.ts';
import { CallTap, type OpenTap, type TapOptions } from './tap.ts';
import { createUpgradeHandler } from './upgrade.ts';

/** Longer than clients keep idle connections, so that none meets a connection that we are just closing. */
const CLIENT_KEEP_ALIVE_MS = 120_000;
/** How often Node looks for header blocks that take too long. */
const CONNECTIONS_CHECK_MS = 10_000;
const TOO_SLOW = 'Its body came too slowly; limits.uploadWindowBytes and timeouts.uploadWindowMs say what is asked.';
/** Shorter than providers keep theirs; a provider that says how long (`Keep-Alive: timeout=`) is believed. */
const UPSTREAM_KEEP_ALIVE_MS = 10_000;

export interface ProxyAppOptions {
  readonly settings: Settings;
  readonly upstreams: UpstreamTable;
  readonly fingerprintKey: Uint8Array;
  readonly journal: Journal;
  readonly metrics: ProxyMetrics;
  readonly log: Log;
  /** Missing: there are none. */
  readonly keys?: KeyRing;
  readonly providerKeys?: ProviderKeys;
}

export interface ProxyApp {
  readonly server: Server;
  /** Connections of it that are not Node's to read. */
  readonly plain: PlainConnections;
  /** Closes the clients' connections, upgraded ones too, whatever runs on them. */
  cutOff(): void;
  /** Closes the connections to providers. Calls still running are cut off; records that wait for a token count get their time. */
  close(): Promise<void>;
}

export function createProxyApp(options: ProxyAppOptions): ProxyApp {
  const { settings, metrics, log } = options;
  const client = new UpstreamClient({
    connect_ms: settings.timeouts.connectMs,
    response_ms: settings.timeouts.responseMs,
    idle_ms: settings.timeouts.idleMs,
    keep_ms: UPSTREAM_KEEP_ALIVE_MS,
    headBytesMax: settings.limits.headerBytes,
  });
  const identify = createIdentify(options.fingerprintKey);
  const route = createRouter(options.upstreams, settings.defaultUpstream, settings.targets);
  const providerKeys = options.providerKeys ?? new Map();
  const admit = createAdmit({
    keysRequired: keysRequired(settings),
    keys: options.keys ?? NO_KEYS,
    host: settings.listen.host,
    hosts: settings.access.hosts,
    origins: settings.access.origins,
  });
  const strictness = { headersMax: settings.limits.headersMax, urlBytesMax: settings.limits.urlBytes };
  const uploads = new SlowUploads({ window_ms: settings.timeouts.uploadWindowMs, bytesMin: settings.limits.uploadWindowBytes });
  const estimator = createEstimator({ onResult: (result) => metrics.estimates.inc({ result }) });
  const redactor = createRedactor({ onResult: (result) => metrics.redactions.inc({ result }) });
  const taps = createTapFactory(options, estimator, redactor);

  const injects = (project: string): boolean => Object.hasOwn(settings.projects, project) && settings.projects[project]?.usage === 'inject';

  function handleCall(req: IncomingMessage | PlainRequest, answer: Answer): void {
    let dialect: Dialect | undefined;
    let requestId = '';
    let tap: CallTap | undefined;
    let upload: WatchedUpload | undefined;
    try {
      checkStrictly(req, strictness);
      const caller = admit(lookedAt(req.rawHeaders), req.url ?? '');
      const found = route(req.url ?? '', req.rawHeaders);
      dialect = found.upstream.dialect;
      const credential = credentialFor(caller, found.upstream, providerKeys);
      const identity = identify(req.rawHeaders, found.query, caller.project);
      const routed = credential ? withoutQueryKey(found) : found;
      requestId = identity.request_id;
      tap = taps.open(identity, routed, req, credential?.value);
      metrics.callBegan();
      answer.onClose(() => {
        metrics.callClosed();
        if (upload !== undefined) uploads.forget(upload);
      });
      const exchange = forward(req, answer, routed, requestId, tap, {
        client,
        credential,
        trace: identity,
        requestBufferBytes: settings.limits.requestBufferBytes,
        askUsage: tap.usageOnRequest && injects(identity.project),
        finish_ms: projectOf(settings, identity.project)?.onClientAbort === 'finish' ? settings.timeouts.finishMs : 0,
      });
      if (exchange !== undefined) upload = uploads.watch(req, () => exchange.giveUp(new GatewayError('request_timeout', TOO_SLOW)));
    } catch (thrown) {
      const error = thrown instanceof GatewayError ? thrown : internalError(thrown);
      if (error.code === 'internal') log('error', `${req.method} call failed in Glassway: ${faultText(thrown)}`);
      if (tap) {
        tap.end({ kind: 'gateway_error', error });
        tap.write();
      } else metrics.callEnded(error.outcome);
      if (answer.begun) answer.cut();
      else sendError(req, answer, error, dialect ?? dialectOfPath(req.url ?? '', options.upstreams), requestId);
    }
  }

  const server = createServer(
    {
      maxHeaderSize: settings.limits.headerBytes,
      keepAliveTimeout: CLIENT_KEEP_ALIVE_MS,
      headersTimeout: settings.timeouts.headersMs,
      connectionsCheckingInterval: Math.min(CONNECTIONS_CHECK_MS, Math.ceil(settings.timeouts.headersMs / 2)),
      requestTimeout: 0, // an upload may take as long as it moves: slow-uploads.ts
      // Java's HttpClient offers h2c on plain requests; ignoring an offer is always right (RFC 9110 §7.8).
      shouldUpgradeCallback: (req) => req.headers.upgrade?.toLowerCase() === 'websocket',
    },
    (req, res) => handleCall(req, new NodeAnswer(res)),
  );
  const plain = new PlainConnections(server, {
    headBytesMax: settings.limits.headerBytes,
    bodyBytesMax: settings.limits.requestBufferBytes,
    keep_ms: CLIENT_KEEP_ALIVE_MS,
    onCall: handleCall,
  });
  server.on(
    'upgrade',
    createUpgradeHandler({
      strictness,
      identify,
      route,
      admit,
      providerKeys,
      openTap: taps.open,
      log,
      upstreams: options.upstreams,
      realtime: taps,
    }),
  );
  server.maxConnections = settings.limits.connectionsMax;
  server.on('drop', () => metrics.connectionsDropped.inc());
  // Beyond its limit Node drops headers without a word; one more than ours shows that there were more.
  server.maxHeadersCount = strictness.headersMax + 1;
  server.on('clientError', answerMalformed);
  // Node counts a connection among its own no longer once it is upgraded.
  const upgraded = new Set<Duplex>();
  server.on('upgrade', (_req, socket) => {
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
  });
  return {
    server,
    plain,
    cutOff() {
      server.closeAllConnections();
      plain.cutOff();
      for (const socket of upgraded) socket.destroy();
    },
    async close() {
      plain.close();
      uploads.close();
      client.close();
      await estimator.close();
      await redactor.close();
    },
  };
}

interface TapFactory {
  readonly open: OpenTap;
  /** A record of its own beside its connection's. */
  readonly emit: (record: FinishedRecord, limited: readonly string[]) => void;
  readonly limited: (reason: string) => void;
  readonly fault: TapOptions['fault'];
}

function projectOf(settings: Settings, project: string): Settings['projects'][string] | undefined {
  return Object.hasOwn(settings.projects, project) ? settings.projects[project] : undefined;
}

/** Taps whose records go to the journal, with what the project captures. */
function createTapFactory({ settings, journal, metrics, log }: ProxyAppOptions, estimator: Estimator, redactor: Redactor): TapFactory {
  const heldBytes = new HeldBytes();
  const begin: TapOptions['begin'] = (columns) => journal.start(columns);
  const whenWritten: TapOptions['whenWritten'] = (done) => journal.whenWritten(done);
  const write = (): void => journal.write();
  const countCall = (record: Pick<RecordEnd, 'outcome'>, limited: readonly string[]) => {
    metrics.callEnded(record.outcome);
    for (const reason of limited) metrics.tapLimited.inc({ reason });
  };
  const emit: TapOptions['emit'] = (call, record, limited, done) => {
    countCall(record, limited);
    return journal.finish(call, record, done);
  };
  const emitWhole: TapFactory['emit'] = (record, limited) => {
    countCall(record, limited);
    journal.add(record);
  };
  const draft: TapOptions['draft'] = (call, record, done) => journal.draft(call, record, done);
  const bodyBytesMax = settings.limits.captureBytes;
  const giveUp: TapOptions['giveUp'] = (call) => journal.finishUnknown(call, 'glassway_tap_failed');
  const fault = (error: unknown) => log('error', `the tap failed, the call did not: ${faultText(error)}`);
  const captureOf = (project: string): CaptureMode => projectOf(settings, project)?.capture ?? 'metadata';
  const open: OpenTap = (identity, route, req, heldKey) =>
    new CallTap({
      identity,
      route,
      method: req.method ?? '',
      requestHeaders: req.rawHeaders,
      heldKey,
      bodyBytesMax: settings.limits.bodyBytes,
      capture: effectiveCapture(captureOf(identity.project), identity.capture),
      captureBytesMax: bodyBytesMax,
      heldBytes,
      count: (job, done) => estimator.count(job, done),
      redact: (job, done) =>
        redactor.redact({ ...job, bodyBytesMax }, redactSettingsOf(settings.redact, projectOf(settings, identity.project)?.redact), done),
      begin,
      whenWritten,
      write,
      draft,
      emit,
      giveUp,
      fault,
    });
  return { open, emit: emitWhole, limited: (reason) => metrics.tapLimited.inc({ reason }), fault };
}

/** Node's parser refused the request (RFC 9112 §2.2, §11.2): say why, in place of its bare status line. */
function answerMalformed(error: Error & { code?: string; reason?: string }, socket: Socket): void {
  // Node's own handler looks at the same field: an error page inside an answer under way would be taken for its body.
  const { _httpMessage: underWay } = socket as Socket & { _httpMessage?: ServerResponse | null };
  if (error.code === 'ECONNRESET' || !socket.writable || underWay?.headersSent) {
    socket.destroy();
    return;
  }
  const { code = '' } = error;
  const answer =
    code === 'HPE_HEADER_OVERFLOW'
      ? {
          error: new GatewayError('headers_too_large', 'Raise limits.headerBytes if they are meant.'),
          reason: 'Request Header Fields Too Large',
        }
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? { error: new GatewayError('request_timeout', ''), reason: 'Request Timeout' }
        : { error: new GatewayError('malformed_request', `${error.reason ?? error.message} (${code}).`), reason: 'Bad Request' };
  socket.end(rawErrorResponse(answer.error, DIALECTS['openai'] as Dialect, answer.reason));
}
