import { expect, it } from 'vitest';
import type { Emit } from '../../../../plugin/events/events.ts';
import { withTroubleEvents } from '../../../../plugin/runtime/history/trouble.ts';
import { MemoryLogger } from '../../../support/fakes/memory-logger.ts';

it('a line from warn up is an event with the fields of its logger, and the log has every line as before', () => {
  const log = new MemoryLogger();
  const events: Parameters<Emit>[0][] = [];
  const child = withTroubleEvents(log, (event) => events.push(event)).child({ endpoint: 'e1' });
  child.debug({}, 'a step');
  child.info({ address: '10.50.0.3' }, 'lease held');
  child.warn({ link: 'br500', err: new Error('no such link'), seen: ['a', 'b'] }, 'not mended');
  child.error({ text: 'x'.repeat(5000) }, 'long');
  expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
    'debug a step',
    'info lease held',
    'warn not mended',
    'error long',
  ]);
  const fields = { link: 'br500', err: 'no such link', seen: '["a","b"]' };
  expect(events).toEqual([
    { type: 'trouble', level: 'warn', message: 'not mended', endpoint: 'e1', fields },
    expect.objectContaining({ level: 'error', message: 'long' }),
  ]);
  expect(JSON.stringify(events[1]).length).toBeLessThan(500);
});
