/** How a list is sorted, as it stands in the address. Pure; what it cannot read is the usual order. */

export interface ListOrder {
  readonly sort: string;
  readonly order: 'asc' | 'desc';
}

/** `cost.asc` → sort and order; newest first when it names nothing that there is. */
export function parseOrder(by: string, sorts: readonly string[]): ListOrder {
  const [sort = '', order] = by.split('.');
  return sorts.includes(sort) ? { sort, order: order === 'asc' ? 'asc' : 'desc' } : { sort: 'time', order: 'desc' };
}

export function formatOrder({ sort, order }: ListOrder): string {
  if (sort === 'time' && order === 'desc') return '';
  return order === 'asc' ? `${sort}.asc` : sort;
}
