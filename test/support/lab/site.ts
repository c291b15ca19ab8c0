/**
 * The site that a test file of an engine's tier plays on, in one line: trunk, DHCP server, engine,
 * plugin. All of it is taken down in the end, also where it came up only half-way.
 */
import { afterAll, afterEach, beforeAll } from 'vitest';
import { removeAllContainersAndNetworks } from './engine.ts';
import { docker, lab, labWith, links, networkCommand, until } from './lab.ts';
import { Pieces } from './pieces.ts';

export interface SiteParts {
  /** What follows `trunk-up`. */
  readonly trunk?: readonly string[];
  /**
   * What follows `server-up`; left out: the tests start servers themselves, and after each test it
   * is stopped.
   */
  readonly server?: readonly string[];
  /** What follows `engine-up`; false: the tests start it themselves. */
  readonly engine?: readonly string[] | false;
  readonly plugin?: 'service' | 'managed' | 'none';
  /** Of the plugin, as it takes them from the environment. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Other pieces of scripts/lab/in-lab, by their name without `-up`: `capture`, `registry`. */
  readonly also?: readonly string[];
  /** What the host has besides, before engine and plugin come up. */
  readonly host?: () => Promise<unknown>;
  /**
   * False: the file clears after its tests itself. Else each test ends without containers, networks
   * and new links.
   */
  readonly clearsAfterEach?: boolean;
}

export interface Site {
  /** Links beyond those that the site had when it was up. */
  readonly leftLinks: () => Promise<string[]>;
  /**
   * Removes containers and networks, and waits until the links are what they were when the site was
   * up.
   */
  readonly clear: () => Promise<void>;
}

/**
 * To be called once, at the top of a test file, before its own hooks: those run while the site is
 * up.
 */
export function site(parts: SiteParts = {}): Site {
  const { trunk = [], server, engine = [], plugin = 'service', settings, also = [], host } = parts;
  const pieces = new Pieces();
  let linksBefore: string | undefined;

  const before = (): string => {
    if (linksBefore === undefined) throw new Error('the site is not up');
    return linksBefore;
  };
  const leftLinks = async () => {
    const known = new Set(before().split('\n'));
    return (await links()).split('\n').filter((line) => !known.has(line));
  };
  const clear = async () => {
    await removeAllContainersAndNetworks();
    await until('the links are as before', async () => (await links()) === before());
  };
  const put = (name: string, ...words: readonly string[]) =>
    pieces.put(
      () => labWith(settings ?? {}, `${name}-up`, ...words),
      () => lab(`${name}-down`),
    );

  beforeAll(async () => {
    await put('trunk', ...trunk);
    if (server !== undefined) await put('server', ...server);
    await host?.();
    if (engine !== false) await put('engine', ...engine);
    if (plugin !== 'none') await put(plugin === 'service' ? 'service' : 'plugin');
    for (const name of also) await put(name);
    linksBefore = await links();
  });
  afterAll(() => pieces.takeDown());
  afterEach(async () => {
    // What a failed test leaves behind is not to fail the next one.
    const ends = new Pieces();
    if (server === undefined) ends.owe(() => lab('server-down'));
    if (parts.clearsAfterEach !== false) ends.owe(clear);
    await ends.takeDown();
  });
  return { leftLinks, clear };
}

/** The network of most tests, on VLAN 500 of eth1. @param options as they follow `-o`. */
export const createFw500 = (...options: string[]) =>
  docker(...networkCommand('fw500', ['parent=eth1', 'vlan=500', ...options]));

/** A container named `box` on that network. @param flags of `docker run`. */
export const runBox = (...flags: string[]) =>
  docker('run', '-d', '--name', 'box', '--net=fw500', ...flags, 'bb');
