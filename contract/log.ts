/**
 * One line a message on standard error: time, level, component, text. Never a credential, a prompt or a completion.
 */
export type LogLevel = 'info' | 'warn' | 'error';
export type Log = (level: LogLevel, message: string) => void;

export function createLog(component: string): Log {
  return (level, message) => {
    process.stderr.write(`${new Date().toISOString()} ${level.padEnd(5)} ${component.padEnd(10)} ${message}\n`);
  };
}
