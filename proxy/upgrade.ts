/**
 * Upgraded connections (WebSockets: realtime APIs): routed and identified as any call, then carried byte for
 * byte by http-proxy-middleware. One record a connection, when it ends, and one for each response of a realtime API. Wired to the server's `upgrade` event,
 * which Express never sees.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createProxyMiddleware, proxyEventsPlugin } from 'http-proxy-middleware';
import { GatewayError } from '../contract/errors.ts';
import type { Log } from '../contract/log.ts';
import { type Admit, credentialFor } from './admit.ts';
import type { UpstreamTable } from './config.ts';
import { faultText } from './fault-text.ts';
import { CREDENTIAL_HEADERS, OWN_PREFIX, responseHeaders } from './headers.ts';
import type { Identify, Identity } from './identify.ts';
import type { Ending } from './outcome.ts';
import { childTraceparent, TRACE_HEADERS } from './propagation.ts';
import type { ProviderKeys } from './provider-keys.ts';
import { createRealtimeTap, type RealtimeOptions, type RealtimeTap } from './realtime.ts';
import { dialectOfPath, internalError, rawErrorResponse } from './respond.ts';
import { type Route, type RouteCall, withoutQueryKey } from './route.ts';
import { checkStrictly, checkUpgrade, type StrictnessLimits } from './strictness.ts';
import type { CallTap, OpenTap } from './tap.ts';
import { describeUpstreamError } from './upstream-errors.ts';

export interface UpgradeOptions {
  readonly strictness: StrictnessLimits;
  readonly identify: Identify;
  readonly route: RouteCall;
  readonly admit: Admit;
  readonly providerKeys: ProviderKeys;
  readonly openTap: OpenTap;
  readonly upstreams: UpstreamTable;
  readonly log: Log;
  readonly realtime: Pick<RealtimeOptions, 'emit' | 'limited' | 'fault'>;
}

interface Connection {
  readonly identity: Identity;
  realtime?: RealtimeTap;
  readonly route: Route;
  readonly tap: CallTap;
  answered: boolean;
  ended: boolean;
}

export function createUpgradeHandler(options: UpgradeOptions): (req: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const connections = new WeakMap<IncomingMessage, Connection>();
  const proxy = createProxyMiddleware({
    changeOrigin: true,
    xfwd: false,
    router: (req) => connections.get(req)?.route.origin ?? '',
    // The library joins this with the target; both are the caller's own bytes.
    pathRewrite: (_path, req) => connections.get(req)?.route.target ?? '/',
    // Its own error plug-in would answer in plain text; of the others only the one that serves `on` is wanted.
    ejectPlugins: true,
    plugins: [proxyEventsPlugin],
    on: {
      proxyReqWs: (proxyReq, req, socket) => watch(proxyReq, req, socket),
      error: (error, req, socket) => {
        const connection = connections.get(req);
        if (connection && !('req' in socket)) fail(connection, socket as Socket, describeUpstreamError(error, connection.route.origin));
      },
    },
  });

  /** Sees what the provider answers, for the record. */
  function watch(proxyReq: ClientRequest, req: IncomingMessage, socket: Socket): void {
    const connection = connections.get(req);
    if (connection === undefined) return;
    const { tap } = connection;
    const answered = (response: IncomingMessage) => {
      connection.answered = true;
      tap.responseHeaders(response.statusCode ?? 0, responseHeaders(response.rawHeaders));
      tap.headersSent();
    };
    proxyReq.once('upgrade', (response: IncomingMessage, providerSocket: Socket) => {
      answered(response);
      startRealtime(connection, response);
      // A listener starts the flow: only after the library has put back what came with the 101 and laid its pipes.
      process.nextTick(() => {
        providerSocket.on('data', (chunk: Buffer) => {
          tap.responseData(chunk);
          connection.realtime?.data(chunk);
        });
        socket.on('data', (chunk: Buffer) => tap.requestData(chunk));
      });
      // Pipes pass on an end, but not that a side is gone.
      socket.once('close', () => providerSocket.destroy());
      providerSocket.once('close', () => socket.destroySoon());
    });
    proxyReq.once('response', (response: IncomingMessage) => {
      answered(response);
      response.on('data', (chunk: Buffer) => tap.responseData(chunk));
    });
    tap.requestEnd();
    tap.dispatched();
    socket.once('close', () => finish(connection, connection.answered ? { kind: 'complete' } : { kind: 'client_abort' }));
  }

  function startRealtime(connection: Connection, response: IncomingMessage): void {
    const { identity, route, tap } = connection;
    if (tap.realtimeModel === undefined) return;
    const extensions = response.headers['sec-websocket-extensions'] ?? '';
    connection.realtime = createRealtimeTap({ ...options.realtime, identity, route, requestModel: tap.realtimeModel, extensions });
  }

  function finish(connection: Connection, ending: Ending): void {
    if (connection.ended) return;
    connection.ended = true;
    connection.realtime?.end();
    connection.tap.end(ending);
    connection.tap.write();
  }

  function fail(connection: Connection, socket: Socket, error: GatewayError): void {
    if (connection.answered) return; // a connection that broke after its upgrade: both sockets close, `close` records it
    finish(connection, { kind: 'gateway_error', error });
    if (socket.writable) socket.end(rawErrorResponse(error, connection.route.upstream.dialect, 'Glassway Error'));
  }

  return (req, socket, head) => {
    socket.on('error', () => {}); // a client that vanishes; `close` follows
    try {
      checkStrictly(req, options.strictness);
      checkUpgrade(req);
      const caller = options.admit(req.headers, req.url ?? '');
      const found = options.route(req.url ?? '', req.rawHeaders);
      const credential = credentialFor(caller, found.upstream, options.providerKeys);
      const identity = options.identify(req.rawHeaders, found.query, caller.project);
      const route = credential ? withoutQueryKey(found) : found;
      const tap = options.openTap(identity, route, req, credential?.value);
      tap.write();
      connections.set(req, { identity, route, tap, answered: false, ended: false });
      for (const name of Object.keys(req.headers))
        if (name.startsWith(OWN_PREFIX) || name === 'proxy-authorization') delete req.headers[name];
      if (credential) {
        for (const name of CREDENTIAL_HEADERS) delete req.headers[name];
        req.headers[credential.name] = credential.value;
      }
      const { propagate } = route.upstream;
      if (propagate === 'strip') for (const name of TRACE_HEADERS) delete req.headers[name];
      if (propagate === 'child') req.headers['traceparent'] = childTraceparent(identity);
      proxy.upgrade(req, socket as Socket, head);
    } catch (thrown) {
      const error = thrown instanceof GatewayError ? thrown : internalError(thrown);
      if (error.code === 'internal') options.log('error', `upgrade failed in Glassway: ${faultText(thrown)}`);
      socket.end(rawErrorResponse(error, dialectOfPath(req.url ?? '', options.upstreams), 'Glassway Error'));
    }
  };
}
