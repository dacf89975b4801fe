/**
 * What the supervisor (embedded.ts) and the process it supervises (server-process.ts) say to each
 * other: orders as one JSON argument, faults as one message back. Types and constants only.
 */

/** The process's only argument, as JSON. */
export interface ServerOrders {
  readonly library: string;
  readonly lockFile: string;
  readonly host: string;
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  /** For `chdb_query_cmdline`; HOLD_PLACEHOLDER stands for a path that only the process knows. */
  readonly commandLine: readonly string[];
}

/** Stands for the file whose end means "stop". */
export const HOLD_PLACEHOLDER = '{hold}';

export const SERVER_FAULTS = ['data_folder_in_use', 'port_in_use', 'cannot_listen', 'library_unusable'] as const;
export type ServerFault = (typeof SERVER_FAULTS)[number];

/** Sent before the process gives up. */
export interface ServerReport {
  readonly fault: ServerFault;
  readonly message: string;
}

/** Exit codes. `unasked`: the engine returned although nobody had asked it to stop. */
export const SERVER_EXIT = { stopped: 0, fault: 1, unasked: 70 } as const;
