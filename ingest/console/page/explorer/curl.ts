/** One call again, as a curl command: through this Glassway, with everything but credentials, which were never kept. */
import type { CallAnswer } from '../../api-types.ts';

/** What carries the credential, by how the path looks; the caller's own variable stands in its place. */
const CREDENTIALS: readonly (readonly [path: RegExp, header: string])[] = [
  [/\/messages(\/|$)/, 'x-api-key: $API_KEY'],
  [/\/models\/[^/]+:/, 'x-goog-api-key: $API_KEY'],
  [/^\/openai\/deployments\//, 'api-key: $API_KEY'],
];
const BEARER = 'authorization: Bearer $API_KEY';

export function curlOf({ call, bodies }: CallAnswer, proxyUrl: string): string {
  const credential = CREDENTIALS.find(([path]) => path.test(call.path))?.[1] ?? BEARER;
  const headers = [
    ...['content-type: application/json', ...(credential.startsWith('x-api-key') ? ['anthropic-version: 2023-06-01'] : [])],
    ...[`x-glassway-project: ${call.project}`],
    ...(call.user_id === '' ? [] : [`x-glassway-user: ${call.user_id}`]),
    ...(call.session_id === '' ? [] : [`x-glassway-session: ${call.session_id}`]),
    ...Object.entries(call.tags).map(([name, value]) => `x-glassway-tag-${name}: ${value}`),
  ];
  const body = bodies === null || bodies.request === '' ? undefined : bodies.request;
  const lines = [
    `curl ${call.method === 'POST' ? '' : `-X ${shell(call.method)} `}${shell(`${proxyUrl}/${call.upstream}${call.path}`)}`,
    // In double quotes, so that the shell fills in the variable.
    `-H "${credential}"`,
    ...headers.map((header) => `-H ${shell(header)}`),
    ...(call.method === 'GET'
      ? []
      : [`--data-raw ${shell(body ?? `{"model": ${JSON.stringify(call.request_model)}, "…": "the body was not captured"}`)}`]),
  ];
  return lines.join(' \\\n  ');
}

function shell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
