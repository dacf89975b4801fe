/**
 * The provider of the fault tests, in a process of its own: a thousand calls that begin at once keep the load's process
 * busy for seconds, and a provider that stands still meanwhile hangs up on connections that are in use.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { endProcess } from '../kit/processes.ts';

/** Passes through the proxy, and tells the provider which call it is. */
export const ID_HEADER = 'x-fault-id';
/** `stream`, or a number of bytes. */
export const SHAPE_HEADER = 'x-fault-shape';

export interface FaultProvider {
  readonly url: string;
  /** The calls that have reached it by now. */
  reached(): Promise<ReadonlySet<string>>;
  close(): Promise<void>;
}

/** To the process: asks for the calls that came since it was last asked. */
export const REACHED_QUESTION = 'reached?';
/** From it. */
export type ProviderMessage = { readonly url: string } | { readonly reached: readonly string[] };

export async function startFaultProvider(): Promise<FaultProvider> {
  const child = fork(resolve(import.meta.dirname, 'provider-process.ts'));
  const reached = new Set<string>();
  const said = await messageOf(child);
  if (!('url' in said)) throw new Error('the provider did not say where it is');
  return {
    url: said.url,
    async reached() {
      const answer = messageOf(child);
      child.send(REACHED_QUESTION);
      const said = await answer;
      if ('reached' in said) for (const id of said.reached) reached.add(id);
      return reached;
    },
    close: () => endProcess(child, 'SIGKILL'),
  };
}

async function messageOf(child: ChildProcess): Promise<ProviderMessage> {
  const [message] = (await once(child, 'message')) as [ProviderMessage];
  return message;
}
