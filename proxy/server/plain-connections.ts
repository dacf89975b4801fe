/**
 * Stands before Node's HTTP server: takes each connection first, and reads what is plain itself, for half of what Node's parser,
 * request and response objects cost. What is not plain goes to Node as if it had come there, and stays there.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { UnorderedList } from '../unordered-list.ts';
import type { PlainAnswer } from './plain-answer.ts';
import { PlainConnection, type PlainOwner, type PlainRequest } from './plain-connection.ts';

export interface PlainOptions {
  readonly headBytesMax: number;
  readonly bodyBytesMax: number;
  /** How long a connection is kept after an answer. */
  readonly keep_ms: number;
  readonly onCall: (request: PlainRequest, answer: PlainAnswer) => void;
}

const LOOK_MS = 1_000;
/** A head that takes longer is Node's. */
const HEAD_MS = 1_000;

export class PlainConnections implements PlainOwner {
  readonly headBytesMax: number;
  readonly bodyBytesMax: number;
  readonly keepAliveLines: string;
  readonly onCall: PlainOptions['onCall'];
  readonly #keep_ms: number;
  readonly #server: Server;
  readonly #nodes: (socket: Socket) => void;
  readonly #connections = new UnorderedList<PlainConnection>();
  readonly #timer: NodeJS.Timeout;
  #leave_ms = 0;

  /** Takes the server's connections from now on. */
  constructor(server: Server, { headBytesMax, bodyBytesMax, keep_ms, onCall }: PlainOptions) {
    this.headBytesMax = headBytesMax;
    this.bodyBytesMax = bodyBytesMax;
    this.onCall = onCall;
    this.keepAliveLines = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keep_ms / 1_000)}\r\n`;
    this.#keep_ms = keep_ms;
    this.#server = server;
    // Node's own, which makes a connection its HTTP parser's.
    const [nodes] = server.listeners('connection') as ((socket: Socket) => void)[];
    if (nodes === undefined) throw new Error('the server has no listener for connections');
    this.#nodes = nodes.bind(server);
    server.off('connection', nodes);
    server.on('connection', (socket: Socket) => this.#connections.add(new PlainConnection(socket, this)));
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  get leaving(): boolean {
    return this.#leave_ms > 0;
  }

  get leave_ms(): number {
    return this.#leave_ms;
  }

  /** From now on each answer ends its connection. */
  leave(idle_ms: number): void {
    this.#leave_ms = Math.max(1, idle_ms);
  }

  /** The sockets on which no call is under way, and nothing of one has come. */
  idleSockets(): Socket[] {
    return [...this.#connections].filter(({ idle }) => idle).map(({ socket }) => socket);
  }

  /** Whatever runs on them. */
  cutOff(): void {
    for (const { socket } of this.#connections) socket.destroy();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  onOther(connection: PlainConnection, bytes: Buffer | undefined): void {
    const { socket } = connection;
    this.#connections.remove(connection);
    this.#nodes(socket);
    if (bytes !== undefined) socket.unshift(bytes);
    socket.resume();
  }

  onClose(connection: PlainConnection): void {
    this.#connections.remove(connection);
  }

  onTimeout(socket: Socket): void {
    // As Node does with those that are its own.
    if (!this.#server.emit('timeout', socket)) socket.destroy();
  }

  #look(): void {
    for (const connection of this.#connections) connection.look(LOOK_MS, HEAD_MS, this.#keep_ms);
  }
}
