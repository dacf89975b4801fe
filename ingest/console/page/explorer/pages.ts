/**
 * A list that is read page by page: the first page is read anew now and then; once more pages are there the list stands
 * still, since new rows on top would leave a gap between the pages. Takes the API's path and query; gives rows and a way on.
 */
import type { Period } from '../../api-types.ts';
import { useEffect, useRef, useState } from '../../vendor/preact.js';
import { type Loaded, load, useLoaded } from '../data.ts';

/** More than anybody reads, and what a browser lays out without effort. */
export const ROWS_MAX = 2000;

export interface Pages<Answer, Row> {
  readonly first: Loaded<Answer>;
  readonly rows: readonly Row[];
  /** There are rows after these. */
  readonly more: boolean;
  readonly loading: boolean;
  readonly failed: boolean;
  /** More than the first page is shown. */
  readonly standing: boolean;
  readonly next: () => Promise<void>;
  readonly restart: () => void;
}

interface Further<Row> {
  readonly rows: readonly Row[];
  readonly next: string | null;
}

export function usePages<Answer extends Period & { readonly next: string | null }, Row>(
  path: string,
  query: string,
  everySeconds: number,
  rowsOf: (answer: Answer) => readonly Row[],
): Pages<Answer, Row> {
  const [further, setFurther] = useState<Further<Row> | undefined>(undefined);
  const [loading, setLoading] = useState(false);
  const [failed, setFailed] = useState(false);
  const current = useRef(query);
  current.current = query;
  const first = useLoaded<Answer>(further ? null : `${path}?${query}`, everySeconds);
  useEffect(() => {
    setFurther(undefined);
    setFailed(false);
  }, [query]);
  const rows = [...(first.data ? rowsOf(first.data) : []), ...(further?.rows ?? [])];
  const cursor = further ? further.next : (first.data?.next ?? null);

  const next = async (): Promise<void> => {
    if (!first.data || cursor === null || loading || rows.length >= ROWS_MAX) return;
    setLoading(true);
    setFailed(false);
    const params = new URLSearchParams(query);
    params.delete('range');
    // The first page's own times: a range that ends now would end later for the next page.
    for (const [name, value] of Object.entries({ from: first.data.from, to: first.data.to, cursor })) params.set(name, value);
    try {
      const page = await load<Answer>(`${path}?${params}`, new AbortController().signal);
      if (current.current === query) setFurther({ rows: [...(further?.rows ?? []), ...rowsOf(page)], next: page.next });
    } catch {
      setFailed(true);
    }
    setLoading(false);
  };
  return {
    first,
    rows,
    more: cursor !== null,
    loading,
    failed,
    standing: further !== undefined,
    next,
    restart: () => setFurther(undefined),
  };
}
