/**
 * Opens a socket to a provider: plain or TLS, with the TLS sessions of earlier ones, HTTP/1.1 only, its bytes handed over in
 * a buffer that all share, good until the callback returns: a buffer of its own for each read costs more than the copy of
 * what is kept, and ten thousand quiet streams would each hold one.
 */
import { isIP, connect as netConnect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** What `Host` says. */
  readonly authority: string;
}

const READ_BYTES = 64 * 1024;
const TCP_KEEP_ALIVE_MS = 60_000;
const SESSIONS_MAX = 100;

const shared = Buffer.allocUnsafeSlow(READ_BYTES);
/** Windows reads ahead of its callbacks, into as many buffers as there are sockets. */
const canShare = process.platform !== 'win32';
const sessions = new Map<string, Buffer>();

/** @throws TypeError when it is no URL */
export function targetOf(origin: string): Target {
  const url = new URL(origin);
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port, secure, authority: url.host };
}

/** `onBytes` gets what came, and must not keep it. */
export function open(target: Target, onReady: () => void, onBytes: (bytes: Buffer) => void): Socket {
  const { host, port } = target;
  const onread = {
    buffer: canShare ? shared : Buffer.allocUnsafeSlow(READ_BYTES),
    callback: (count: number, buffer: Uint8Array): boolean => {
      onBytes((buffer as Buffer).subarray(0, count));
      return true;
    },
  };
  const socket = target.secure ? openTls(target, onread, onReady) : netConnect({ host, port, onread }, onReady);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  return socket;
}

function openTls({ host, port }: Target, onread: object, onReady: () => void): Socket {
  const key = `${host}:${port}`;
  const session = sessions.get(key);
  const options = {
    host,
    port,
    onread,
    // An address is no name to ask for (RFC 6066 §3).
    ...(isIP(host) === 0 && { servername: host }),
    ...(session && { session }),
    ALPNProtocols: ['http/1.1'],
  };
  const socket = tlsConnect(options, onReady);
  socket.on('session', (fresh: Buffer) => {
    if (!sessions.has(key) && sessions.size >= SESSIONS_MAX) sessions.delete(sessions.keys().next().value as string);
    sessions.set(key, fresh);
  });
  return socket;
}
