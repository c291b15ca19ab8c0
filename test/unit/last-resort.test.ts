import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { surviveUncaughtErrors } from '../../plugin/last-resort.ts';
import { MemoryLogger } from '../support/fakes/memory-logger.ts';

describe('what nobody has caught', () => {
  it('is told once a minute, with a count, and the process goes on (D17)', () => {
    const [emitter, log] = [new EventEmitter(), new MemoryLogger()];
    let now = 0;
    surviveUncaughtErrors(
      emitter,
      () => log,
      () => now,
    );
    const error = new Error('boom');
    for (const name of ['uncaughtException', 'unhandledRejection', 'uncaughtException']) {
      emitter.emit(name, error);
    }
    emitter.emit('uncaughtException', 'text');
    now = 60_000;
    emitter.emit('uncaughtException', error);
    expect(log.lines.map(({ level, fields }) => [level, fields['err'], fields['count']])).toEqual([
      ['error', error, 1],
      ['error', 'text', 1],
      ['error', error, 4],
    ]);
  });

  it('remembers a bounded number of them', () => {
    const [emitter, log] = [new EventEmitter(), new MemoryLogger()];
    surviveUncaughtErrors(
      emitter,
      () => log,
      () => 0,
    );
    for (let count = 0; count < 1000; count += 1) emitter.emit('uncaughtException', `e${count}`);
    expect(log.lines).toHaveLength(1000);
    emitter.emit('uncaughtException', 'e999');
    expect(log.lines).toHaveLength(1000);
    emitter.emit('uncaughtException', 'e0');
    expect(log.lines).toHaveLength(1001);
  });
});
