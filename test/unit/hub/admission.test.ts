/** Who may have a connection to the hub's TCP port, when many want one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Admission, type Place } from '../../../plugin/hub/streams/admission.ts';

const never = (): void => expect.unreachable();

describe('admission', () => {
  it('lets one address have a few, and gives the place of one that left to the next', () => {
    const admission = new Admission({ all: 100, fromOne: 2 });
    const first = admission.enter('192.0.2.1', never);
    admission.enter('::ffff:192.0.2.1', never); // the same address on a socket of both families
    expect(admission.enter('192.0.2.1', never)).toBeUndefined();
    expect(admission.enter('192.0.2.2', never)).toBeDefined();
    first?.leave();
    first?.leave();
    expect(admission.enter('192.0.2.1', never)).toBeDefined();
    expect(admission.size).toBe(3);
  });

  it('counts a whole network of IPv6 as one address', () => {
    const admission = new Admission({ all: 100, fromOne: 2 });
    admission.enter('2001:db8:0:1::1', never);
    admission.enter('2001:db8:0:1:ffff:ffff:ffff:ffff', never);
    expect(admission.enter('2001:db8::1:0:0:0:9', never)).toBeUndefined();
    expect(admission.enter('2001:db8:0:2::1', never)).toBeDefined();
  });

  it('lets a reverse proxy on this host have all', () => {
    const admission = new Admission({ all: 100, fromOne: 2 });
    for (let at = 0; at < 50; at += 1) expect(admission.enter('127.0.0.1', never)).toBeDefined();
    expect(admission.enter('::1', never)).toBeDefined();
  });

  it('takes the place of the oldest that is not proven, so that idle ones keep nobody out', () => {
    const admission = new Admission({ all: 3, fromOne: 3 });
    const gone: string[] = [];
    const enter = (address: string) => {
      const place: { now?: Place | undefined } = {};
      place.now = admission.enter(address, () => {
        gone.push(address);
        place.now?.leave();
      });
      return place.now;
    };
    enter('192.0.2.1')?.prove();
    enter('192.0.2.2');
    enter('192.0.2.3');
    expect(enter('192.0.2.4')).toBeDefined();
    expect([gone, admission.size]).toEqual([['192.0.2.2'], 3]);
    enter('192.0.2.5')?.prove(); // 192.0.2.3 goes
    enter('192.0.2.6')?.prove(); // 192.0.2.4 goes
    expect(enter('192.0.2.7')).toBeUndefined(); // all are members
    expect(gone).toEqual(['192.0.2.2', '192.0.2.3', '192.0.2.4']);
  });

  it('never has more than it may, and forgets all that left', () => {
    const step = fc.record({ address: fc.nat(4), what: fc.constantFrom('in', 'out', 'prove') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const admission = new Admission({ all: 6, fromOne: 3 });
        const open = new Set<Place>();
        for (const { address, what } of steps) {
          const [oldest] = open;
          if (what === 'in') {
            const self: { place?: Place | undefined } = {};
            self.place = admission.enter(`192.0.2.${address}`, () => {
              self.place?.leave();
              if (self.place) open.delete(self.place);
            });
            if (self.place) open.add(self.place);
          } else if (oldest !== undefined) {
            if (what === 'prove') oldest.prove();
            else {
              oldest.leave();
              open.delete(oldest);
            }
          }
          expect(admission.size).toBe(open.size);
          expect(admission.size).toBeLessThanOrEqual(6);
        }
        for (const place of open) place.leave();
        expect(admission.size).toBe(0);
      }),
    );
  });
});
