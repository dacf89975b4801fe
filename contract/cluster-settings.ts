/**
 * The settings of a ClickHouse of several machines: `clickhouse.cluster` and `clickhouse.nodes`. Shapes only; what they
 * mean for the tables is in ingest/migrations/for-cluster.ts.
 */
import { z } from 'zod';

const NODES_MAX = 1_000;
const isHttpUrl = (text: string) => URL.canParse(text) && /^https?:\/\//.test(text);

export const clusterSettings = {
  /**
   * A cluster of the server's `remote_servers`: tables are sharded over it, and replicated where the servers have the macros
   * `shard` and `replica`. Missing: one server.
   */
  cluster: z
    .string()
    .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, "a cluster's name: letters, digits, _ . -")
    .optional(),
  /** The HTTP address of every node, where the cluster has no distributed DDL (no Keeper): each is migrated by itself. */
  nodes: z.array(z.string().refine(isHttpUrl, 'an http:// or https:// URL')).max(NODES_MAX).default([]),
} as const;
