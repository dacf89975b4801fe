/**
 * What a server says of the cluster that `clickhouse.cluster` names: how many shards it has, and whether tables on it are
 * replicated. Asks system tables only. Also where a batch belongs: always the same shard, or ClickHouse would not
 * recognise it when it comes again.
 */
import { createHash } from 'node:crypto';
import type { ClickHouseClient } from '@clickhouse/client';
import { MigrationError } from './migration-error.ts';

export interface Topology {
  readonly shards: number;
  /** The servers have the macros `shard` and `replica`, by which replicated tables find each other. */
  readonly replicated: boolean;
}

/** @throws MigrationError when there is no such cluster, or it has replicas that would not know of each other */
export async function readTopology(client: ClickHouseClient, cluster: string): Promise<Topology> {
  const [found] = await rows<{ shards: number; replicas: number; known: string[] }>(
    client,
    `SELECT toUInt32(uniqExactIf(shard_num, cluster = {cluster:String})) AS shards, toUInt32(countIf(cluster = {cluster:String})) AS replicas,
       arraySort(groupUniqArray(cluster)) AS known FROM system.clusters`,
    { cluster },
  );
  const { shards = 0, replicas = 0, known = [] } = found ?? {};
  if (shards === 0)
    throw new MigrationError(
      `The server knows no cluster ${cluster} (clickhouse.cluster); ${known.length === 0 ? 'it has none' : `it has ${known.join(', ')}`}. ` +
        'Name it in remote_servers of every node.',
    );
  const macros = await rows<{ macro: string }>(client, "SELECT macro FROM system.macros WHERE macro IN ('shard', 'replica')", {});
  const replicated = macros.length === 2;
  if (!replicated && replicas > shards)
    throw new MigrationError(
      `Cluster ${cluster} has ${replicas} replicas of ${shards} shards, but this server has no macros shard and replica: its replicas would not ` +
        'know of each other. Give every node both, and a Keeper.',
    );
  return { shards, replicated };
}

/** 1 to `shards`. */
export function shardOf(batchId: string, shards: number): number {
  return (createHash('sha256').update(batchId).digest().readUInt32BE(0) % shards) + 1;
}

async function rows<Row>(client: ClickHouseClient, query: string, query_params: Record<string, unknown>): Promise<Row[]> {
  const answer = await client.query({ query, query_params, format: 'JSONEachRow' });
  return answer.json<Row>();
}
