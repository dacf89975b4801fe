/**
 * What is worked out of a text, remembered by the text, within a bound: clients and providers send the same few names with every
 * call. When the bound is reached all of it is forgotten, and the few are soon back.
 */
const TEXTS_MAX = 1_000;

/** `read`, asked once for each text while no more than `textsMax` are known. It must not give undefined. */
export function remembering<T>(read: (text: string) => T, textsMax = TEXTS_MAX): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const made = read(text);
    if (known.size >= textsMax) known.clear();
    known.set(text, made);
    return made;
  };
}
