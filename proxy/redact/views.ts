/**
 * The ways in which one text may be written: with JSON's escapes, percent-encoded, with HTML's character references, in
 * full-width digits or with invisible characters between. A view is the text read that way, with where each of its
 * characters comes from, so that what is found in it can be taken out of the text as it stands. Pure; linear.
 */
import type { Span } from './spans.ts';

export interface View {
  readonly text: string;
  /** For each character, and for the end: its place in the original; undefined: the same place. */
  readonly from: Uint32Array | undefined;
}

interface Reading {
  /** A text without it reads the same. */
  readonly trigger: RegExp;
  /** What is written otherwise. */
  readonly piece: RegExp;
  /** What a piece stands for. */
  readonly read: (piece: string) => string;
}

const JSON_ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };
const NAMED_REFERENCES: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", commat: '@', period: '.', nbsp: ' ', hyphen: '-', dash: '-', plus: '+' },
  ...{ colon: ':', lpar: '(', rpar: ')', sol: '/', lowbar: '_', num: '#', equals: '=' },
};

const READINGS: readonly Reading[] = [
  {
    // RFC 8259 §7; `\xNN` is JavaScript's and Python's.
    trigger: /\\/,
    piece: /\\(?:u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[^ux])/g,
    read: (piece) => {
      if (piece[1] === 'u' || piece[1] === 'x') return codePoint(Number.parseInt(piece.slice(2).replace(/[{}]/g, ''), 16));
      return JSON_ESCAPES[piece[1] as string] ?? (piece[1] as string);
    },
  },
  {
    // RFC 3986 §2.1; runs, since a character may take several.
    trigger: /%[0-9a-fA-F]{2}/,
    piece: /%[0-9a-fA-F]{2}(?:%[89a-bA-B][0-9a-fA-F]){0,3}/g,
    read: (piece) => Buffer.from(piece.replaceAll('%', ''), 'hex').toString('utf8'),
  },
  {
    trigger: /&(?:#|[a-z]{2,6};)/,
    piece: /&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|([a-z]{2,6}));?/g,
    read: (piece) => {
      const body = piece.slice(1).replace(/;$/, '');
      if (body.startsWith('#')) return codePoint(body[1] === 'x' ? Number.parseInt(body.slice(2), 16) : Number(body.slice(1)));
      return NAMED_REFERENCES[body] ?? piece;
    },
  },
  {
    // Typographic dashes and spaces, invisible characters, full-width forms, Arabic-Indic digits.
    trigger:
      /[\u00a0\u00ad\u061c\u0660-\u0669\u06f0-\u06f9\u2000-\u200f\u2010-\u2015\u2028-\u202f\u205f-\u206f\u2212\u3000\ufe52\ufe55\ufe58-\ufe6b\ufeff\uff01-\uff5e]/,
    piece:
      /[\u00a0\u00ad\u061c\u0660-\u0669\u06f0-\u06f9\u2000-\u200f\u2010-\u2015\u2028-\u202f\u205f-\u206f\u2212\u3000\ufe52\ufe55\ufe58-\ufe6b\ufeff\uff01-\uff5e]/g,
    read: (piece) => {
      const code = piece.charCodeAt(0);
      if (code >= 0x660 && code <= 0x669) return String(code - 0x660);
      if (code >= 0x6f0 && code <= 0x6f9) return String(code - 0x6f0);
      if ((code >= 0x2010 && code <= 0x2015) || code === 0x2212) return '-';
      if (code === 0xa0 || code === 0x3000 || code === 0x202f || code === 0x205f || (code >= 0x2000 && code <= 0x200a)) return ' ';
      return code >= 0xfe52 ? piece.normalize('NFKC').replace('\ufeff', '') : '';
    },
  },
];

/** Escapes in escapes: JSON in JSON in JSON. */
const DEPTH_MAX = 4;
const VIEWS_MAX = 12;

/** The text as it stands, and every other way to read it, readings of readings included. */
export function viewsOf(text: string): View[] {
  const views: View[] = [{ text, from: undefined }];
  const seen = new Set([text]);
  let level: readonly View[] = views.slice();
  for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth += 1) {
    const next: View[] = [];
    for (const view of level)
      for (const reading of READINGS) {
        if (!reading.trigger.test(view.text) || views.length >= VIEWS_MAX) continue;
        const read = readView(view, reading);
        if (seen.has(read.text)) continue;
        seen.add(read.text);
        views.push(read);
        next.push(read);
      }
    level = next;
  }
  return views;
}

function readView(view: View, { piece, read }: Reading): View {
  const parts: string[] = [];
  // What stands for a character is never shorter than it.
  const from = new Uint32Array(view.text.length + 1);
  let length = 0;
  let at = 0;
  const place = (index: number): number => view.from?.[index] ?? index;
  const copy = (end: number): void => {
    if (at < end) parts.push(view.text.slice(at, end));
    for (; at < end; at += 1) from[length++] = place(at);
  };
  for (const match of view.text.matchAll(piece)) {
    copy(match.index);
    const character = read(match[0]);
    parts.push(character);
    for (let i = 0; i < character.length; i += 1) from[length++] = place(at);
    at = match.index + match[0].length;
  }
  copy(view.text.length);
  from[length] = place(view.text.length);
  return { text: parts.join(''), from };
}

/** A span of the view as one of the original. */
export function inOriginal({ from }: View, span: Span): Span {
  if (from === undefined) return span;
  return { ...span, start: from[span.start] as number, end: from[span.end] as number };
}

function codePoint(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : '';
}
