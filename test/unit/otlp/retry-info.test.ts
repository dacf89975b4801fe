/** What a gRPC receiver says of when to come again. */
import { Metadata } from '@grpc/grpc-js';
import { retryDelayMs } from '../../../contract/otlp/retry-info.ts';
import { statusWithRetryInfo } from '../../kit/otlp-receiver.ts';

const errorWith = (details: Buffer): unknown => {
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', details);
  return Object.assign(new Error('8 RESOURCE_EXHAUSTED'), { code: 8, metadata });
};

test('the delay of the RetryInfo among a status’s details', () => {
  expect(retryDelayMs(errorWith(statusWithRetryInfo(8, 42)))).toBe(42_000);
});

test.each<[string, unknown]>([
  ['no error', undefined],
  ['an error without trailers', new Error('gone')],
  ['trailers without details', Object.assign(new Error(), { metadata: new Metadata() })],
  ['details of another kind', errorWith(Buffer.from([0x08, 8, 0x1a, 3, 0x0a, 1, 0x78]))],
  ['details that end too early', errorWith(statusWithRetryInfo(8, 42).subarray(0, 30))],
  ['bytes that are no protobuf', errorWith(Buffer.from([0xff, 0xff]))],
])('%s: nothing', (_what, error) => {
  expect(retryDelayMs(error)).toBe(0);
});
