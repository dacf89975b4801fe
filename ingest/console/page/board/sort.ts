/** Which column a table is sorted by: as the address says (`sort-12=cost_usd.desc`), else as the board does. Pure. */

import type { Column, Panel } from '../../board-types.ts';
import type { PageState } from '../url-state.ts';
import { fieldOf } from './fields.ts';

export interface Sort {
  readonly column: string;
  readonly descending: boolean;
}

export function formatSort({ column, descending }: Sort): string {
  return `${column}.${descending ? 'desc' : 'asc'}`;
}

export function sortOf(state: PageState, panel: Panel, columns: readonly Column[]): Sort | undefined {
  const [, column = '', direction] = /^(.*)\.(asc|desc)$/s.exec(state.sorts[panel.id] ?? '') ?? [];
  if (columns.some(({ name }) => name === column)) return { column, descending: direction === 'desc' };
  const own = panel.options?.sortBy?.[0];
  const named = own && columns.find(({ name }) => fieldOf(panel, name).title === own.displayName);
  return own && named ? { column: named.name, descending: own.desc === true } : undefined;
}
