/** Records by their id, and by what several of them may have in common. */
export class RecordList<Record> {
  readonly #records = new Map<string, Record>();
  /** Made when it is needed. The next change discards it. */
  #list: readonly Record[] | undefined;

  has(id: string): boolean {
    return this.#records.has(id);
  }

  get(id: string): Record | undefined {
    return this.#records.get(id);
  }

  list(): readonly Record[] {
    this.#list ??= [...this.#records.values()];
    return this.#list;
  }

  set(id: string, record: Record): void {
    this.#records.set(id, record);
    this.#list = undefined;
  }

  delete(id: string): void {
    if (this.#records.delete(id)) this.#list = undefined;
  }
}

/** Finds records by a property. Several records may have the same. Bounded by the records. */
export class RecordIndex<Record extends { readonly id: string }> {
  readonly #keyOf: (record: Record) => string | undefined;
  readonly #byKey = new Map<string, Map<string, Record>>();

  /** @param keyOf the property. Undefined: the record is not in the index. */
  constructor(keyOf: (record: Record) => string | undefined) {
    this.#keyOf = keyOf;
  }

  find(key: string): readonly Record[] {
    return [...(this.#byKey.get(key)?.values() ?? [])];
  }

  /** @param before the record as it was, `now` as it is. Undefined: there is none. */
  changed(before: Record | undefined, now: Record | undefined): void {
    if (before !== undefined) this.#put(before, undefined);
    if (now !== undefined) this.#put(now, now);
  }

  #put(of: Record, record: Record | undefined): void {
    const key = this.#keyOf(of);
    if (key === undefined) return;
    // Changed in place: ipvlan containers share one MAC, and there may be thousands of them.
    const all = this.#byKey.get(key);
    if (record === undefined) all?.delete(of.id);
    else if (all === undefined) this.#byKey.set(key, new Map([[record.id, record]]));
    else all.set(record.id, record);
    if (all?.size === 0) this.#byKey.delete(key);
  }
}
