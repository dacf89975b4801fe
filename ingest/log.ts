/** How ingest tells its operator something. One line, never a prompt, a completion or a credential. */
export type Log = (level: 'info' | 'warn' | 'error', message: string) => void;

export const logToStderr: Log = (level, message) => {
  process.stderr.write(`${new Date().toISOString()} ${level} ingest: ${message}\n`);
};
