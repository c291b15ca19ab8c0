import { describe, expect, it } from 'vitest';
import { PluginError } from '../../../../plugin/vocabulary/errors.ts';
import { guardEndpoints } from '../../../../plugin/net/endpoints/veth-port.ts';
import { parseMac } from '../../../../plugin/wire/address.ts';

const MAC = parseMac('02:00:00:00:00:aa')!;
const rules = { mode: 'mac', mac: MAC, addresses: [], leases: false, noServer: false } as const;
const ports = (...names: string[]) => names.map((hostEnd) => ({ hostEnd, rules }));

/** A kernel that refuses requests about some links. @param look answers a question about a link. */
function kernel(refused: readonly string[], look: (link: string) => number | undefined = () => 7) {
  return {
    protectLinks: (links: readonly { readonly link: string }[]) =>
      links.some(({ link }) => refused.includes(link))
        ? Promise.reject(new PluginError('IP_COMMAND_FAILED', 'socket: EMFILE'))
        : Promise.resolve([]),
    findLinkIndex: look,
  };
}

async function guard(...[list, faked]: [ReturnType<typeof ports>, ReturnType<typeof kernel>]) {
  const unguarded: string[] = [];
  const warnings = await guardEndpoints(list, (link) => unguarded.push(link), faked);
  return { unguarded, warnings };
}

describe('guarding ports never throws', () => {
  it('also when the kernel cannot be asked whether the port is there', async () => {
    const faked = kernel(['vdh0'], () => {
      throw new Error('socket: EMFILE');
    });
    expect(await guard(ports('vdh0'), faked)).toEqual({
      unguarded: ['vdh0'],
      warnings: ['port vdh0 is not guarded: socket: EMFILE'],
    });
  });

  it('tells the one port of many that failed', async () => {
    expect(await guard(ports('vdh0', 'vdh1', 'vdh2'), kernel(['vdh1']))).toEqual({
      unguarded: ['vdh1'],
      warnings: ['port vdh1 is not guarded: socket: EMFILE'],
    });
  });

  it('says nothing of a port that has gone meanwhile', async () => {
    const faked = kernel(['vdh0'], () => undefined);
    expect(await guard(ports('vdh0'), faked)).toEqual({ unguarded: [], warnings: [] });
  });
});
