import { brotliCompressSync, gzipSync } from 'node:zlib';
import { CAPTURE_MODES } from '../../../contract/columns.ts';
import { createCapture, effectiveCapture } from '../../../proxy/capture.ts';
import { monotonicMs, wallClockText } from '../../../proxy/clock.ts';

test('a request may lower what its project captures, never raise it', () => {
  for (const asked of CAPTURE_MODES) expect(effectiveCapture('metadata', asked)).toBe('metadata');
  expect(effectiveCapture('full', undefined)).toBe('full');
  expect(effectiveCapture('full', 'full')).toBe('full');
  expect(effectiveCapture('full', 'metadata')).toBe('metadata');
});

test('a request lowers what its project allows, to whatever is below, and never raises it', () => {
  expect(effectiveCapture('full', 'redacted')).toBe('redacted');
  expect(effectiveCapture('redacted', 'full')).toBe('redacted');
  expect(effectiveCapture('redacted', 'metadata')).toBe('metadata');
  expect(effectiveCapture('metadata', 'redacted')).toBe('metadata');
});

test('bodies are kept as text, cut at the limit', () => {
  const capture = createCapture(8);
  capture.request(Buffer.from('12345'));
  capture.request(Buffer.from('67890'));
  capture.response(Buffer.from('short'));
  expect(capture.finish('', 'identity')).toEqual({ capture: 'full', request: '12345678', response: 'short' });
});

test('compressed bodies are unfolded, also when they are cut', () => {
  const text = 'hello '.repeat(1_000);
  const capture = createCapture(10_000);
  capture.request(gzipSync(text).subarray(0, 40));
  capture.response(brotliCompressSync(text));
  const bodies = capture.finish('gzip', ' BR ');
  expect(text.startsWith(bodies.request)).toBe(true);
  expect(bodies.request.length).toBeGreaterThan(0);
  expect(bodies.response).toBe(text);
});

test('what cannot be shown says so', () => {
  const capture = createCapture(1_000_000);
  capture.request(Buffer.from('no gzip'));
  capture.response(Buffer.from('?'));
  expect(capture.finish('gzip', 'x-odd')).toMatchObject({
    request: expect.stringContaining('cannot be decoded'),
    response: expect.stringContaining('x-odd'),
  });
});

test('the wall clock is text as ClickHouse reads it, and does not run backwards with the monotonic one', () => {
  const texts = Array.from({ length: 1_000 }, wallClockText);
  for (const text of texts) expect(text).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
  expect(texts.toSorted()).toEqual(texts);
  expect(Math.abs(Date.parse(`${texts[0]?.replace(' ', 'T').slice(0, 23)}Z`) - Date.now())).toBeLessThan(5_000);
  expect(monotonicMs()).toBeLessThanOrEqual(monotonicMs());
});
