/** The form in which bodies are stored in `redacted` mode. */
import { gzipSync } from 'node:zlib';
import { REDACT_CLASSES } from '../../../contract/privacy-settings.ts';
import { redactBody } from '../../../proxy/redact/body.ts';
import { createFinder } from '../../../proxy/redact/find.ts';

const finder = createFinder({ classes: [...REDACT_CLASSES], patterns: [] });
const MAIL = 'john.doe@example.com';
const CARD = '4111 1111 1111 1111';

interface Given {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly cut?: boolean;
}

function stored(body: string | Buffer, { contentType = 'application/json', contentEncoding = '', cut = false }: Given = {}): string {
  return redactBody({ bytes: Buffer.from(body), contentType, contentEncoding, cut }, finder, 1024 * 1024);
}

const sse = (...texts: string[]): string =>
  texts.map((text) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}\n\n`).join('');

/** The text that a client would put together. */
function contentOf(events: string): string {
  return events
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => (JSON.parse(line.slice(6)) as { choices: { delta: { content: string } }[] }).choices[0]?.delta.content)
    .join('');
}

test('JSON stays JSON: strings, keys, numbers, and JSON in strings', () => {
  const body = {
    model: 'gpt-5-mini',
    messages: [{ role: 'user', content: `Write to ${MAIL}.` }],
    [MAIL]: 1,
    card: 4111111111111111,
    long: 0.5,
    tools: [{ arguments: JSON.stringify({ to: MAIL, note: 'keep\nthis' }) }],
    password: 'word',
  };
  expect(JSON.parse(stored(JSON.stringify(body)))).toEqual({
    model: 'gpt-5-mini',
    messages: [{ role: 'user', content: 'Write to [redacted:email].' }],
    '[redacted:email]': 1,
    card: '[redacted:card]',
    long: 0.5,
    tools: [{ arguments: '{"to":"[redacted:email]","note":"keep\\nthis"}' }],
    password: '[redacted:secret]',
  });
});

test('escapes in the body itself hide nothing', () => {
  expect(stored('{"content":"john.doe\\u0040example.com \\u0034111111111111111"}')).toBe('{"content":"[redacted:email] [redacted:card]"}');
});

test('numbers too long for JavaScript are read digit by digit', () => {
  expect(stored('{"card":6759649826438453123456,"other":6304000000000000000}')).not.toContain('6304000000000000000');
});

test('what is split between events goes from each of them; the rest stays where it was', () => {
  const events = stored(sse('Hello jo', 'hn.do', 'e@exam', 'ple.com and 41', '11 1111 ', '1111 1111', ', bye'), {
    contentType: 'text/event-stream',
  });
  expect(contentOf(events)).toMatch(/^Hello (\[redacted:email\])+ and (\[redacted:card\])+, bye$/);
  expect(events.match(/^data: /gm)).toHaveLength(7);
});

test('choices that take turns are each put together by themselves', () => {
  const event = (index: number, content: string): string => `data: ${JSON.stringify({ choices: [{ index, delta: { content } }] })}\n\n`;
  const events = stored(event(0, 'john.do') + event(1, '4111 1111 1') + event(0, 'e@example.com') + event(1, '111 1111'), {
    contentType: 'text/event-stream',
  });
  expect(events).not.toMatch(/john|doe|4111|example/);
});

test('tool arguments that come in pieces are read with their escapes', () => {
  const event = (partial_json: string): string =>
    `event: content_block_delta\ndata: ${JSON.stringify({ type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json } })}\n\n`;
  const events = stored(event('{"to":"john.doe\\u00') + event('40example.com","n":1}'), { contentType: 'text/event-stream' });
  expect(events).not.toMatch(/john|doe|example/);
  expect(events).toContain('event: content_block_delta');
});

test('a text that begins in one kind of event and goes on in another is one text', () => {
  const body = [
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: 'mail john.do' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'e@example.com' } },
  ];
  expect(stored(body.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''), { contentType: 'text/event-stream' })).not.toMatch(
    /john|doe@|example/,
  );
});

test('a stream that breaks off ends before the word that it broke off in, and before the digits that came before', () => {
  const events = stored(sse('My card is 4111 11', '11 11'), { contentType: 'text/event-stream', cut: true });
  expect(contentOf(events)).toMatch(/^My card is (\[redacted:cut\])+$/);
  expect(
    stored(`data: {"choices":[{"delta":{"content":"half ${MAIL.slice(0, 8)}`, { contentType: 'text/event-stream', cut: true }),
  ).not.toContain('john');
});

test('events of other framings are stored too', () => {
  expect(
    stored('{"message":{"content":"jo"}}\n{"message":{"content":"hn@example.com"}}\n', { contentType: 'application/x-ndjson' }),
  ).not.toMatch(/"jo"|hn@/);
  expect(stored('[{"text":"call john@exa"},{"text":"mple.com"}]')).not.toMatch(/john|mple/);
});

test('forms: fields are kept, files by their size', () => {
  const parts = [
    ['name="model"', 'whisper-1'],
    ['name="prompt"', `Say ${MAIL}`],
    [`name="file"; filename="${MAIL}.txt"`, `secret ${CARD}`],
  ];
  const body = `${parts.map(([head, value]) => `--B\r\nContent-Disposition: form-data; ${head}\r\n\r\n${value}\r\n`).join('')}--B--\r\n`;
  expect(JSON.parse(stored(body, { contentType: 'multipart/form-data; boundary=B' }))).toEqual([
    { name: 'model', value: 'whisper-1' },
    { name: 'prompt', value: 'Say [redacted:email]' },
    { name: 'file', value: '[not stored: file, 26 bytes]' },
  ]);
  expect(JSON.parse(stored('q=mail+john%40example.com&n=1', { contentType: 'application/x-www-form-urlencoded' }))).toEqual({
    q: 'mail [redacted:email]',
    n: '1',
  });
});

test('what is no text is not stored', () => {
  expect(stored(Buffer.from([0, 1, 2, 3]), { contentType: 'audio/mpeg' })).toBe('[not stored: audio/mpeg, 4 bytes]');
  expect(stored(Buffer.from(MAIL, 'utf16le'), { contentType: 'text/plain' })).toMatch(/^\[not stored/);
  expect(stored('x', { contentEncoding: 'x-odd' })).toMatch(/^\[not stored: content-encoding/);
});

test('coded bodies are decoded first', () => {
  expect(stored(gzipSync(JSON.stringify({ a: MAIL })), { contentEncoding: 'gzip' })).toBe('{"a":"[redacted:email]"}');
});

test('JSON that was cut off is read as text, without its end', () => {
  const cut = stored(`{"messages":[{"content":"Hello ${MAIL} and 4111 1111 1`, { cut: true });
  expect(cut).toContain('Hello [redacted:email] and');
  expect(cut).not.toContain('4111');
});
