import { describe, expect, test } from 'vitest';

import { createQueue } from '../../plugin/keyed-lock.ts';

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
