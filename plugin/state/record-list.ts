/** Records by their id. */
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
