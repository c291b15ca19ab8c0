import { describe, expect, test } from 'vitest';

import { createQueue } from '../../../plugin/net/serially.ts';
import { UndoList } from '../../../plugin/net/undo.ts';

describe('UndoList', () => {
  test('takes back newest first and hands the cause on', async () => {
    const undo = new UndoList();
    const done: string[] = [];
    for (const name of ['first', 'second']) {
      undo.add(() => {
        done.push(name);
        return Promise.resolve();
      });
    }
    const cause = new Error('why');
    expect(await undo.undo(cause)).toBe(cause);
    expect(done).toEqual(['second', 'first']);
  });

  test('a step that fails does not keep the others from running, and is reported with the cause', async () => {
    const undo = new UndoList();
    const done: string[] = [];
    undo.add(() => {
      done.push('first');
      return Promise.resolve();
    });
    const second = new Error('second');
    undo.add(() => Promise.reject(second));
    const cause = new Error('why');
    const thrown = await undo.undo(cause);
    expect(done).toEqual(['first']);
    expect(thrown).toBeInstanceOf(AggregateError);
    expect((thrown as AggregateError).errors).toEqual([cause, second]);
  });
});

describe('createQueue', () => {
  test('the next one starts when the one before has ended, also when that failed', async () => {
    const queue = createQueue();
    const log: string[] = [];
    const first = queue(async () => {
      log.push('first starts');
      await Promise.resolve();
      log.push('first ends');
      throw new Error('first');
    });
    const second = queue(() => {
      log.push('second starts');
      return Promise.resolve(2);
    });
    await expect(first).rejects.toThrow('first');
    expect(await second).toBe(2);
    expect(log).toEqual(['first starts', 'first ends', 'second starts']);
  });
});
