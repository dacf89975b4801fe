import { ConfigError, loadSettings } from '../../../contract/config.ts';
import { ingestConfig } from '../../../ingest/config.ts';

const load = (variables: Record<string, string>) => loadSettings({ file: '/dev/null', env: variables });
const env = { CLICKHOUSE_URL: 'http://db:8123', CLICKHOUSE_USER: 'writer', CLICKHOUSE_PASSWORD: 'w' };

test('without a ClickHouse the message names the key and both ways to set it', () => {
  expect(() => ingestConfig(load({}))).toThrow(ConfigError);
  expect(() => ingestConfig(load({}))).toThrow(/clickhouse\.url: .*CLICKHOUSE_URL.*glassway up/);
});

test('the reader is the writer unless it has a name of its own', () => {
  const same = ingestConfig(load(env));
  expect(same.reader).toEqual({ url: 'http://db:8123', username: 'writer', password: 'w' });
  const own = ingestConfig(load({ ...env, GLASSWAY_CLICKHOUSE_READ_USERNAME: 'reader' }));
  expect(own.reader).toEqual({ url: 'http://db:8123', username: 'reader', password: '' });
  expect(own.writer.username).toBe('writer');
});

test('retention is in seconds', () => {
  expect(ingestConfig(load({ ...env, GLASSWAY_RETENTION_CALLS: '30d', GLASSWAY_RETENTION_BODIES: '12h' }))).toMatchObject({
    callsTtlSeconds: 30 * 86_400,
    bodiesTtlSeconds: 12 * 3600,
  });
});
