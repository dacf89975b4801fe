/** What a caller says of its trace (W3C Trace Context): takes header values, gives what of them is well-formed. Pure. */

/** W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header. */
export function parseTraceparent(value: string): { trace_id: string; parent_span_id: string; trace_flags: number } | undefined {
  // Version 00 has 55 characters; later ones may go on after another dash.
  const match = /^(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/.exec(value);
  if (!match) return undefined;
  return { trace_id: match[1] as string, parent_span_id: match[2] as string, trace_flags: Number.parseInt(match[3] as string, 16) };
}

const TRACE_STATE_CHARS_MAX = 512;
const TRACE_STATE_MEMBERS_MAX = 32;
/** https://www.w3.org/TR/trace-context/#list-members: a key, and a value of printable ASCII without comma and equals sign. */
const TRACE_STATE_MEMBER = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/** The members that are some, the first of each key, from the left as many as fit: the newest stand there. */
export function parseTracestate(value: string): string {
  const members = new Map<string, string>();
  let chars = 0;
  for (const part of value.split(',')) {
    const member = part.trim();
    const key = member.slice(0, member.indexOf('='));
    if (!TRACE_STATE_MEMBER.test(member) || members.has(key)) continue;
    chars += member.length + 1;
    if (chars - 1 > TRACE_STATE_CHARS_MAX || members.size === TRACE_STATE_MEMBERS_MAX) break;
    members.set(key, member);
  }
  return [...members.values()].join(',');
}
