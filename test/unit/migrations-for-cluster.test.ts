import { type ClusterForm, clusterStatements } from '../../ingest/migrations/for-cluster.ts';
import { type Migration, readMigrations } from '../../ingest/migrations/index.ts';

const FORM: ClusterForm = { cluster: 'c1', database: 'glassway', replicated: true, onCluster: true };
const FORMS = [true, false].flatMap((replicated) => [true, false].map((onCluster) => ({ ...FORM, replicated, onCluster })));
const released = readMigrations();

function translate(statement: string, form: Partial<ClusterForm> = {}): readonly string[] {
  const migration: Migration = { version: 99, name: '0099-new', statement, checksum: '' };
  return clusterStatements({ ...FORM, ...form }, [...released, migration])(migration);
}

test.each(FORMS)('every migration can be made for a cluster: replicated $replicated, by distributed DDL $onCluster', (form) => {
  const statements = clusterStatements(form, released);
  for (const migration of released) {
    const made = statements(migration);
    expect(made.length).toBeGreaterThan(0);
    for (const statement of made) {
      expect(statement.includes('ON CLUSTER `c1`')).toBe(form.onCluster);
      expect(statement).toMatch(/IF (NOT )?EXISTS|_view( ON CLUSTER `c1`)? MODIFY QUERY\s/);
      // What is read or written beneath the one that stands for all shards.
      if (/MATERIALIZED VIEW|MODIFY QUERY/.test(statement))
        expect(statement).not.toMatch(/(TO|FROM) \{database:Identifier\}\.(?!\w*_local\b)/);
    }
  }
});

test('a table is what holds the rows of a shard, replicated by the macros of its server, and over it one that reads all', () => {
  const [local, over] = translate(`-- why
CREATE TABLE IF NOT EXISTS {database:Identifier}.things (a UInt8)
ENGINE = ReplacingMergeTree(a)
ORDER BY a
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1`);
  expect(local).toBe(`CREATE TABLE IF NOT EXISTS {database:Identifier}.things_local ON CLUSTER \`c1\` (a UInt8)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/glassway/things_local', '{replica}', a)
ORDER BY a
SETTINGS replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800, ttl_only_drop_parts = 1`);
  expect(over).toBe(
    "CREATE TABLE IF NOT EXISTS {database:Identifier}.things ON CLUSTER `c1` AS `glassway`.`things_local` ENGINE = Distributed('c1', 'glassway', 'things_local', rand())",
  );
});

test('without macros nothing is replicated, and without distributed DDL each node gets the statement itself', () => {
  const [local] = translate(
    'CREATE TABLE IF NOT EXISTS {database:Identifier}.things (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 10000',
    { replicated: false, onCluster: false },
  );
  expect(local).toBe(
    'CREATE TABLE IF NOT EXISTS {database:Identifier}.things_local (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 10000',
  );
});

test('columns are changed on both, everything else on what holds the rows', () => {
  const ofColumns =
    'ALTER TABLE {database:Identifier}.calls\n  ADD COLUMN IF NOT EXISTS a Map(String, Float64) CODEC(ZSTD(1)), ADD COLUMN IF NOT EXISTS b Int8';
  expect(translate(ofColumns, { onCluster: false })).toEqual([ofColumns.replace('.calls', '.calls_local'), ofColumns]);
  const ofBoth = `${ofColumns},\n  ADD INDEX IF NOT EXISTS i a TYPE minmax`;
  expect(translate(ofBoth, { onCluster: false })).toEqual([ofBoth.replace('.calls', '.calls_local'), ofColumns]);
  const ofIndexes = "ALTER TABLE {database:Identifier}.calls ADD INDEX IF NOT EXISTS i match(path, 'a,b') TYPE minmax";
  expect(translate(ofIndexes, { onCluster: false })).toEqual([ofIndexes.replace('.calls', '.calls_local')]);
});

test("a view's new query reads what holds the rows", () => {
  const [made] = translate(
    'ALTER TABLE {database:Identifier}.calls_by_minute_view MODIFY QUERY SELECT project FROM {database:Identifier}.calls',
    {
      onCluster: false,
    },
  );
  expect(made).toBe(
    'ALTER TABLE {database:Identifier}.calls_by_minute_view MODIFY QUERY SELECT project FROM {database:Identifier}.calls_local',
  );
});

test.each([
  'INSERT INTO {database:Identifier}.calls_by_minute SELECT * FROM {database:Identifier}.calls',
  'OPTIMIZE TABLE {database:Identifier}.calls',
  'CREATE TABLE IF NOT EXISTS {database:Identifier}.things (a UInt8) ENGINE = Log',
])('what cannot be turned round is an error that names the migration: %s', (statement) => {
  expect(() => translate(statement)).toThrow('0099-new');
});
