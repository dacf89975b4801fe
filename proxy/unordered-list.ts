/**
 * What is under way, where much comes and goes and little is there at a time: added and removed in no time, kept in no order.
 *
 * Not a Map or a Set: each replaces its table every few removals, and the table it leaves behind points to the next and to what was
 * in it. Once one of them is old, dead but not collected, the collector of the young generation takes all that follow for alive, with
 * what they held: half of what a busy proxy's calls make.
 */

export interface Listed {
  /** Its place in the list, for the list only; -1: it is in none. */
  at: number;
}

export const UNLISTED = -1;

export class UnorderedList<T extends Listed> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    if (item.at !== UNLISTED) return;
    item.at = this.#items.length;
    this.#items.push(item);
  }

  remove(item: T): void {
    const { at } = item;
    if (at === UNLISTED) return;
    item.at = UNLISTED;
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#items[at] = last;
    last.at = at;
  }

  /** Each of them, in no order. What is removed meanwhile is given no more, what is added may be. */
  *[Symbol.iterator](): Generator<T> {
    // From the end: what takes a removed one's place has been given.
    for (let at = this.#items.length - 1; at >= 0; at -= 1) {
      const item = this.#items[at];
      if (item !== undefined) yield item;
    }
  }
}
