/** Pieces of an answer's body that wait to go out together, in chunks (RFC 9112 §7.1) where the body is sent so. */

export const LAST_CHUNK = '0\r\n\r\n';
/** Up to this size a body goes out as one string with its head: one system call, and cheaper than two pieces in it. */
export const ONE_PIECE_BYTES_MAX = 16 * 1024;

const NO_BYTES = Buffer.alloc(0);
const CRLF = Buffer.from('\r\n');

export class HeldPieces {
  #pieces: Buffer[] = [];

  hold(piece: Buffer): void {
    this.#pieces.push(piece);
  }

  /** All of them, and the end mark. `framed`: they as chunks, if they came so, the end mark included. */
  take(inChunks: boolean, framed: Buffer | undefined, endMark: string): Buffer {
    const pieces = this.#pieces;
    if (inChunks && framed !== undefined) {
      this.#pieces = [];
      return framed;
    }
    if (pieces.length === 0) return endMark === '' ? NO_BYTES : Buffer.from(endMark, 'latin1');
    this.#pieces = [];
    if (inChunks) return asChunks(pieces, endMark);
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }
}

/** Each piece as a chunk, in one buffer. */
function asChunks(pieces: readonly Buffer[], endMark: string): Buffer {
  const parts: Buffer[] = [];
  for (const piece of pieces) parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`, 'latin1'), piece, CRLF);
  if (endMark !== '') parts.push(Buffer.from(endMark, 'latin1'));
  return Buffer.concat(parts);
}

export const latin1 = (bytes: Buffer): string => bytes.toString('latin1', 0, bytes.length);
