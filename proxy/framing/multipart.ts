/**
 * Reads the text fields of a multipart/form-data body (RFC 7578) as it comes; files pass unread. Holds a
 * few hundred bytes whatever the body's size; malformed bodies give fewer fields, never an error.
 */
import { asBuffer } from './bytes.ts';

const HEADERS_BYTES_MAX = 8 * 1024;
const VALUE_BYTES_MAX = 1024;
/** RFC 2046 §5.1.1 allows 70 characters. */
const BOUNDARY_CHARS_MAX = 70;
const HEADERS_END = Buffer.from('\r\n\r\n');
const NAME = /^content-disposition:[^\r\n]*;\s{0,8}name="?([^"\r\n;]{0,256})/im;
const FILE_NAME = /^content-disposition:[^\r\n]*;\s{0,8}filename\*?=/im;

export type OnField = (name: string, value: string) => void;

/** Undefined when the content type names no usable boundary. */
export function createMultipartReader(contentType: string, onField: OnField): MultipartReader | undefined {
  const match = /boundary=(?:"([^"]{1,200})"|([^;\s]{1,200}))/i.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  return boundary === undefined || boundary.length > BOUNDARY_CHARS_MAX ? undefined : new MultipartReader(boundary, onField);
}

export class MultipartReader {
  private readonly onField: OnField;
  private readonly delimiter: Buffer;
  /** The unread end of what came: less than a delimiter's length while searching, else a part's headers or value. */
  private held: Buffer;
  private state: 'searching' | 'headers' | 'value' = 'searching';
  private name = '';

  constructor(boundary: string, onField: OnField) {
    this.onField = onField;
    this.delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
    // The first delimiter has no line end before it when there is no preamble.
    this.held = Buffer.from('\r\n');
  }

  push(chunk: Uint8Array): void {
    let bytes = this.held.length === 0 ? asBuffer(chunk) : Buffer.concat([this.held, chunk]);
    for (let progress = true; progress; ) {
      const rest = this.step(bytes);
      progress = rest !== undefined;
      if (rest) bytes = rest;
    }
    const keepBytes = this.state === 'searching' ? this.delimiter.length - 1 : bytes.length;
    this.held = Buffer.from(bytes.subarray(Math.max(0, bytes.length - keepBytes)));
  }

  /** Reads one delimiter, header block or value; gives the bytes after it, or undefined when more must come. */
  private step(bytes: Buffer): Buffer | undefined {
    if (this.state === 'searching') {
      const at = bytes.indexOf(this.delimiter);
      if (at === -1) return undefined;
      this.state = 'headers';
      return bytes.subarray(at + this.delimiter.length);
    }
    if (this.state === 'headers') {
      const end = bytes.indexOf(HEADERS_END);
      if (end === -1) {
        if (bytes.length > HEADERS_BYTES_MAX) this.state = 'searching';
        return bytes.length > HEADERS_BYTES_MAX ? bytes : undefined;
      }
      this.readHeaders(bytes.toString('utf8', 0, Math.min(end, HEADERS_BYTES_MAX)));
      // The line end that closes the headers may also open the next delimiter, when the value is empty.
      return bytes.subarray(end + 2);
    }
    const end = bytes.indexOf(this.delimiter);
    if (end === -1 && bytes.length <= VALUE_BYTES_MAX) return undefined;
    this.state = 'searching';
    if (end !== -1 && end <= VALUE_BYTES_MAX) this.onField(this.name, bytes.toString('utf8', 2, end));
    return bytes;
  }

  private readHeaders(headers: string): void {
    const name = NAME.exec(headers)?.[1];
    this.name = name ?? '';
    this.state = name !== undefined && !FILE_NAME.test(headers) ? 'value' : 'searching';
  }
}
