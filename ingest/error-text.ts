/** What an error says, in one short line: of several (a host with two addresses) the first. Never its stack. */
const CHARS_MAX = 300;

export function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error).slice(0, CHARS_MAX);
  if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) return errorText(error.errors[0]);
  const said = 'message' in error && typeof error.message === 'string' ? error.message : '';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (said || code || 'unknown error').replace(/\s+/g, ' ').slice(0, CHARS_MAX);
}
