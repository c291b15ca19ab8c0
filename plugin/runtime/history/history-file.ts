/**
 * The last events on disk, one JSON object in a line, so that history survives restarts. Two files
 * take turns: when the newer one is full, it replaces the older one. So at least `size` events are
 * kept, and at most twice as many.
 *
 * A line is written some time after its event, off the path of every call, and without a sync. A
 * crash of the host may lose the last second. Damaged lines are left out.
 */
import { appendFile, mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../clock.ts';
import type { Ms } from '../../vocabulary/time.ts';
import { inOrder, readLine, type LineRule, type Recorded } from './recorded.ts';

const WRITTEN_AFTER: Ms = 1_000;
const NEWER = 'events.ndjson';
const OLDER = 'events.1.ndjson';
/** If the disk does not take them, no more than this many wait. */
const WAIT_AT_MOST = 10_000;

export interface HistoryFileDeps {
  readonly size: number;
  readonly clock: Pick<Clock, 'now' | 'at'>;
  readonly rule: LineRule;
  /** Told once of what cannot be written, until writing works again. */
  readonly onTrouble: (error: unknown) => void;
}

export class HistoryFile<Event extends object> {
  readonly #folder: string;
  readonly #size: number;
  readonly #rule: LineRule;
  readonly #clock: Pick<Clock, 'now' | 'at'>;
  readonly #onTrouble: (error: unknown) => void;
  /** How many lines the newer file has. */
  #lines = 0;
  #waiting: Recorded<Event>[] = [];
  #cancelTimer: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isTroubleTold = false;
  /** True if the last write may have ended in the middle of a line. */
  #isCut = false;

  constructor(folder: string, deps: HistoryFileDeps) {
    this.#folder = folder;
    this.#size = deps.size;
    this.#rule = deps.rule;
    this.#clock = deps.clock;
    this.#onTrouble = deps.onTrouble;
  }

  /** @returns the last events of before, oldest first. Unreadable files count as empty. */
  async load(): Promise<Recorded<Event>[]> {
    try {
      await this.#makeFolder();
    } catch (error) {
      this.#trouble(error);
    }
    const [older, newer] = await Promise.all([this.#read(OLDER), this.#read(NEWER)]);
    this.#lines = newer.length;
    const events = [...older, ...newer]
      .map((line) => readLine<Event>(line, this.#rule))
      .filter((event) => event !== undefined);
    return inOrder(events).slice(-this.#size);
  }

  append(event: Recorded<Event>): void {
    this.#waiting.push(event);
    if (this.#waiting.length > WAIT_AT_MOST) this.#waiting.shift();
    this.#cancelTimer ??= this.#clock.at(this.#clock.now() + WRITTEN_AFTER, () => {
      this.#cancelTimer = undefined;
      void this.flush();
    });
  }

  /** Resolves when everything so far is written, or cannot be. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async close(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    await this.flush();
  }

  async #write(): Promise<void> {
    const batch = this.#waiting;
    if (batch.length === 0) return;
    this.#waiting = [];
    try {
      if (this.#lines >= this.#size) {
        await rename(join(this.#folder, NEWER), join(this.#folder, OLDER)).catch(unlessMissing);
        this.#lines = 0;
        this.#isCut = false;
      }
      const text = batch.map((event) => `${JSON.stringify(event)}\n`).join('');
      await this.#append(this.#isCut ? `\n${text}` : text);
      this.#lines += batch.length;
      this.#isCut = false;
      this.#isTroubleTold = false;
    } catch (error) {
      this.#isCut = true;
      // Those that were written all the same are known by their numbers.
      this.#waiting = [...batch, ...this.#waiting].slice(-WAIT_AT_MOST);
      this.#trouble(error);
    }
  }

  async #append(text: string): Promise<void> {
    const append = () => appendFile(join(this.#folder, NEWER), text, { mode: 0o600 });
    await append().catch(async (error: unknown) => {
      unlessMissing(error);
      await this.#makeFolder();
      await append();
    });
  }

  /** Only at the start, and if somebody has removed it. */
  async #makeFolder(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  #trouble(error: unknown): void {
    if (this.#isTroubleTold) return;
    this.#isTroubleTold = true;
    this.#onTrouble(error);
  }

  async #read(name: string): Promise<string[]> {
    try {
      const text = await readFile(join(this.#folder, name), 'utf8');
      const lines = text.split('\n');
      this.#isCut = name === NEWER ? lines.pop() !== '' : (lines.pop(), this.#isCut);
      return lines;
    } catch (error) {
      if (!isMissing(error)) this.#trouble(error);
      return [];
    }
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Somebody may have removed the files. */
function unlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}
