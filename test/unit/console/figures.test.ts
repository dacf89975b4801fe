/** What the console makes of numbers and times, where a plain reading would mislead. */
import { bucketOf } from '../../../ingest/console/page/board/crosshair.ts';
import { colourOfName } from '../../../ingest/console/page/board/palette.ts';
import { tickOf } from '../../../ingest/console/page/board/units.ts';
import { outputSpeed } from '../../../ingest/console/page/output-speed.ts';
import { timeTicks } from '../../../ingest/console/page/time-ticks.ts';

describe('the speed of an answer', () => {
  const call = { stream: true, output_tokens: 201, reasoning_tokens: null, ttft_ms: 500, answer_ttft_ms: 500, duration_ms: 2500 };

  test('is its tokens after the first over the time that they took', () => {
    expect(outputSpeed(call)).toBe(100);
    expect(outputSpeed({ ...call, answer_ttft_ms: null })).toBe(100);
  });

  test('counts neither reasoning that nobody saw nor the time of reasoning that was streamed', () => {
    expect(outputSpeed({ ...call, output_tokens: 301, reasoning_tokens: 100 })).toBe(100);
    expect(outputSpeed({ ...call, output_tokens: 301, reasoning_tokens: 100, ttft_ms: 100 })).toBe(100);
  });

  test.each([
    ['came in one piece', { ttft_ms: 2499.9, answer_ttft_ms: 2499.998 }],
    ['was not streamed', { stream: false }],
    ['is one token long', { output_tokens: 1 }],
    ['was all reasoning', { reasoning_tokens: 201 }],
    ['has no known tokens', { output_tokens: null }],
    ['has no known end', { duration_ms: null }],
  ])('is not known where it %s', (_, facts) => {
    expect(outputSpeed({ ...call, ...facts })).toBeUndefined();
  });
});

test('an axis of time names round times that have room', () => {
  const from = Date.UTC(2026, 0, 31, 11, 3) / 1000;
  const times = Array.from({ length: 60 }, (_, minute) => from + minute * 60);
  const named = (width: number) =>
    times.filter((_, at) => timeTicks(times, 60, width).isTick(at)).map((time) => new Date(time * 1000).getUTCMinutes());
  expect(named(600)).toEqual([10, 20, 30, 40, 50, 0]);
  expect(named(330)).toEqual([15, 30, 45, 0]);
  expect(named(90)).toEqual([30, 0]);
  // A quarter of an hour is no multiple of two minutes: half an hour is.
  const twos = Array.from({ length: 30 }, (_, at) => Date.UTC(2026, 0, 31, 11, 2) / 1000 + at * 120);
  expect(twos.filter((_, at) => timeTicks(twos, 120, 330).isTick(at)).map((time) => new Date(time * 1000).getUTCMinutes())).toEqual([
    30, 0,
  ]);
});

test('large plain numbers are short on an axis', () => {
  expect([0, 350, 9000, 15_000_000].map((value) => tickOf('none')(value))).toEqual(['0', '350', '9,000', '15M']);
});

test('a moment belongs to the bucket that it lies in, or to none', () => {
  const times = [100, 160, 220];
  expect([99, 100, 159, 160, 279, 280].map((moment) => bucketOf(times, 60, moment))).toEqual([undefined, 0, 0, 1, 2, undefined]);
});

test('what ended well looks well, whatever else there is a chart of', () => {
  expect([colourOfName('result', 'done'), colourOfName('status', '200'), colourOfName('outcome', 'ok')]).toEqual(
    Array(3).fill('--tone-ok'),
  );
  expect(colourOfName('result', 'rejected')).toBe('--tone-bad');
  expect(colourOfName('project', 'done')).toMatch(/^--category-/);
});
