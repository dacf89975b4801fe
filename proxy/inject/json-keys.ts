/**
 * Finds a field of a JSON object in its text, so that it can be cut out or added to without touching another
 * byte. Takes text of one character a byte (latin1) that is known to be valid JSON. Pure.
 */

export interface FoundKey {
  /** Of the key's opening quote. */
  readonly keyStart: number;
  readonly valueStart: number;
  /** Of the comma before the key; -1 when it is the first. */
  readonly commaBefore: number;
}

/** The object's own field of that name, not one of an object inside it; the last one, as parsers take it. */
export function findKey(json: string, name: string): FoundKey | undefined {
  const quoted = `"${name}"`;
  let found: FoundKey | undefined;
  let depth = 0;
  let comma = -1;
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at];
    if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    else if (character === ',' && depth === 1) comma = at;
    else if (character === '"') {
      const end = stringEnd(json, at);
      const colon = skipSpace(json, end);
      if (depth === 1 && json[colon] === ':' && json.startsWith(quoted, at) && end === at + quoted.length)
        found = { keyStart: at, valueStart: skipSpace(json, colon + 1), commaBefore: comma };
      at = end - 1;
    }
  }
  return found;
}

export function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \n\r\t'.includes(text[at] as string)) at += 1;
  return at;
}

/** Behind the closing quote. */
function stringEnd(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}
