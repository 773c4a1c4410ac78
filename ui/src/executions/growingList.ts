/** A list that is added to without being copied: a longer one shares what it has in common with the shorter. */
export class GrowingList<Item> implements Iterable<Item> {
  private constructor(
    private readonly shared: Item[],
    readonly length: number,
  ) {}

  static empty<Item>(): GrowingList<Item> {
    return new GrowingList<Item>([], 0)
  }

  /** The list with one more; this one stays as it is. */
  with(item: Item): GrowingList<Item> {
    // Whoever adds to a shorter list than the longest goes another way, and takes a copy along.
    const shared = this.shared.length === this.length ? this.shared : this.shared.slice(0, this.length)
    shared.push(item)
    return new GrowingList(shared, this.length + 1)
  }

  at(index: number): Item | undefined {
    return index < this.length ? this.shared[index] : undefined
  }

  /** The items from `index` on, without those that longer lists have. */
  *from(index: number): Generator<Item> {
    for (let place = index; place < this.length; place += 1) {
      yield this.shared[place] as Item
    }
  }

  [Symbol.iterator](): Generator<Item> {
    return this.from(0)
  }
}
