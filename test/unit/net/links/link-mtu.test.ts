import { describe, expect, it } from 'vitest';
import { keepingHostOut } from '../../../../plugin/net/links/link-mtu.ts';

/** A host with links of these MTUs. Ports belong to br500. */
function rig(mtus: Record<string, number>, { foreign = [] as string[], trouble = '' } = {}) {
  const links = new Map(Object.entries(mtus));
  const closed: string[] = [];
  const kernel = {
    bridgeOf: (link: string) => Promise.resolve(link === 'br500' ? undefined : 'br500'),
    mtuOf: (link: string) => links.get(link),
    isOurs: (link: string) => Promise.resolve(links.has(link) && !foreign.includes(link)),
    keepHostOut: (link: string) => {
      closed.push(link);
      return trouble === '' ? undefined : trouble;
    },
  };
  const change = (link: string, after: Record<string, number | undefined>) =>
    keepingHostOut(
      link,
      () => {
        for (const [name, mtu] of Object.entries(after)) {
          if (mtu === undefined) links.delete(name);
          else links.set(name, mtu);
        }
        return Promise.resolve();
      },
      kernel,
    );
  return { closed, change };
}

describe('a link that comes into IPv6 by its MTU (RFC 8200 §5)', () => {
  it.each([
    ['is closed to the host again, and so is its bridge', 1279, 1280, ['eth1.500', 'br500']],
    ['is left alone below that', 1000, 1279, []],
    ['is left alone when it was in it before', 1280, 9000, []],
    ['is left alone when it goes out of it', 1500, 1000, []],
  ])('%s', async (_what, before, after, expected) => {
    const { closed, change } = rig({ 'eth1.500': before, br500: before });
    await change('eth1.500', { 'eth1.500': after, br500: after });
    expect(closed).toEqual(expected);
  });

  it('a bridge that stays below, for another port, is left alone', async () => {
    const { closed, change } = rig({ vdh0: 1000, br500: 1000 });
    await change('vdh0', { vdh0: 1500 });
    expect(closed).toEqual(['vdh0']);
  });

  it("a bridge is closed again when its last small port goes, and an operator's is not", async () => {
    const ours = rig({ vdh0: 1000, br500: 1000 });
    await ours.change('vdh0', { vdh0: undefined, br500: 1500 });
    // The port is gone, so only the bridge is closed.
    expect(ours.closed).toEqual(['br500']);
    const theirs = rig({ vdh0: 1000, br500: 1000 }, { foreign: ['br500'] });
    await theirs.change('vdh0', { vdh0: undefined, br500: 1500 });
    expect(theirs.closed).toEqual([]);
  });

  it('what could not be closed is an error, after all of it was tried', async () => {
    const { closed, change } = rig({ vdh0: 1000, br500: 1000 }, { trouble: 'EROFS' });
    await expect(change('vdh0', { vdh0: 1500, br500: 1500 })).rejects.toMatchObject({
      code: 'IP_COMMAND_FAILED',
      message: 'EROFS; EROFS',
    });
    expect(closed).toEqual(['vdh0', 'br500']);
  });
});
