import { createLoginLimit } from '../../../ingest/console/login-limit.ts';

function limitAt(options: { failuresMax?: number; addressesMax?: number } = {}) {
  const clock = { now_ms: 1_000 };
  const limit = createLoginLimit({ failuresMax: 3, window_ms: 60_000, ...options, now_ms: () => clock.now_ms });
  const fail = (address: string, times: number) => {
    for (let i = 0; i < times; i += 1) limit.failed(address);
  };
  return { clock, limit, fail };
}

test('an address may show so many wrong keys, and then waits until its first is a window old', () => {
  const { clock, limit, fail } = limitAt();
  fail('192.0.2.1', 2);
  expect(limit.wait_s('192.0.2.1')).toBe(0);
  clock.now_ms += 20_000;
  fail('192.0.2.1', 1);
  expect(limit.wait_s('192.0.2.1')).toBe(40);
  expect(limit.wait_s('192.0.2.2')).toBe(0);
  clock.now_ms += 39_999;
  expect(limit.wait_s('192.0.2.1')).toBe(1);
  clock.now_ms += 1;
  expect(limit.wait_s('192.0.2.1')).toBe(0);
  fail('192.0.2.1', 1);
  expect(limit.wait_s('192.0.2.1')).toBe(0);
});

test.each([
  ['192.0.2.1', '::ffff:192.0.2.1', true],
  ['2001:db8::1', '2001:db8:0:0:ffff::2', true],
  ['2001:db8::1', '2001:DB8:0000::3', true],
  ['fe80::1%eth0', 'fe80::2', true],
  ['2001:db8::1', '2001:db8:0:1::1', false],
  ['::1', '192.0.2.1', false],
])('%s and %s count as one: %s', (one, other, same) => {
  const { limit, fail } = limitAt();
  fail(one, 3);
  expect(limit.wait_s(other) > 0).toBe(same);
});

test('no number of addresses takes more memory than so many', () => {
  const { limit, fail } = limitAt({ failuresMax: 1, addressesMax: 100 });
  for (let i = 0; i < 1_000; i += 1) fail(`10.0.${i >> 8}.${i & 255}`, 1);
  const waiting = Array.from({ length: 1_000 }, (_, i) => limit.wait_s(`10.0.${i >> 8}.${i & 255}`)).filter((wait_s) => wait_s > 0);
  expect(waiting).toHaveLength(100);
});
