/**
 * Containers start and end at random, while the plugin is killed after single writes, the disk
 * refuses writes, and Docker forgets or delays its calls. The same seed gives the same run.
 */
import { expect, it } from 'vitest';
import { KeyedLock } from '../../../plugin/keyed-lock.ts';
import { ipv4Of, OPTION } from '../../../plugin/dhcp4/options.ts';
import { macFromId } from '../../../plugin/options/options.ts';
import type { Ipv4, Mac } from '../../../plugin/wire/address.ts';
import { DriverRig, NETWORK, NOTHING_LEFT, SANDBOX } from '../../support/driver-rig.ts';
import { clientOf } from '../../support/leasing-server.ts';
import { ack, ip, nak, offer } from '../../support/messages.ts';
import type { Server } from '../../support/memory-packet-socket.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { problemsOf } from '../../support/state-invariants.ts';

const NEVER = new Promise<never>(() => {});
/** Calls of the host that answer at once. */
const AT_ONCE = new Set(['linkExists', 'realName', 'linkMac', 'listSandboxAddresses', 'watchLinks', 'watchBridgeAccept', 'hostEndMac', 'listHostSubnets']); // prettier-ignore

interface Trouble {
  readonly kills: boolean;
  readonly fullDisks: boolean;
}

class Storm {
  readonly rig = new DriverRig();
  readonly random: () => number;
  readonly problems: string[] = [];
  readonly refusals = new Map<string, number>();
  readonly log: string[] = [];
  kills = 0;
  starts = 0;
  fulls = 0;
  poolId = '';
  #life = { isDead: false, died: NEVER as Promise<void>, die: () => {} };
  #writesLeft = Infinity;
  readonly #bound = new Map<string, Ipv4>();
  readonly #released = new Map<string, number>();
  /** Containers that run, by client. */
  readonly living = new Map<string, { mac: Mac; address: Ipv4 }>();
  readonly #real = {
    clock: this.rig.clock,
    store: this.rig.store,
    host: this.rig.host.asPlainObject() as unknown as Record<string, (...w: unknown[]) => unknown>,
    open: this.rig.wire.open,
    openArp: this.rig.wire.openArp,
  };

  readonly trouble: Trouble;

  constructor(seed: number, trouble: Trouble) {
    this.trouble = trouble;
    this.random = seededRandom(seed);
    this.rig.wire.server = this.#serve;
    this.rig.sandbox = { link: 'eth0' };
    this.rig.askSegment = (_link, address) =>
      Promise.resolve([...this.living.values()].find((one) => one.address === address)?.mac);
  }

  upTo(most: number): number {
    return Math.floor(this.random() * (most + 1));
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  say(text: string): void {
    this.log.push(`${Math.round(this.#real.clock.now())} ${text}`);
  }

  /** A new process: what the one before still does has no effect. */
  start(): Promise<void> {
    this.#life.isDead = true;
    this.#life.die();
    this.starts += 1;
    let die = () => {};
    const died = new Promise<void>((resolve) => (die = resolve));
    const life = { isDead: false, died, die };
    this.#life = life;
    this.#writesLeft = this.trouble.kills ? 3 + this.upTo(40) : Infinity;
    const { clock, store, host, open, openArp } = this.#real;
    const lock = new KeyedLock();
    const write = (id: string, work: () => Promise<void>) =>
      lock.run(id, async () => {
        await this.#jitter();
        if (life.isDead) return NEVER;
        await work();
        this.#writesLeft -= 1;
        if (this.#writesLeft === 0) {
          this.kill();
          return NEVER;
        }
        await this.#jitter();
        return life.isDead ? NEVER : undefined;
      });
    const through = <T extends object>(target: T, own: Partial<Record<keyof T, unknown>>) =>
      new Proxy(target, {
        get: (_, key) => {
          if (key in own) return own[key as keyof T];
          const value: unknown = Reflect.get(target, key, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    const at = (instant: number, fn: () => void) =>
      clock.at(instant, () => {
        if (!life.isDead) fn();
      });
    const cancels = new Set<() => void>();
    void died.then(() => cancels.forEach((cancel) => cancel()));
    const mortalAt = (instant: number, fn: () => void) => {
      if (life.isDead) return () => {};
      const cancel = at(instant, fn);
      cancels.add(cancel);
      return () => {
        cancels.delete(cancel);
        cancel();
      };
    };
    Object.assign(this.rig, {
      clock: through(clock, { at: mortalAt }),
      store: through(store, {
        save: (kind: never, record: { id: string }) =>
          write(`${String(kind)}/${record.id}`, () =>
            store.save(kind, structuredClone(record) as never),
          ),
        delete: (kind: never, id: string) =>
          write(`${String(kind)}/${id}`, () => store.delete(kind, id)),
      }),
    });
    const isSlow = this.chance(0.5);
    this.rig.host.asPlainObject = () =>
      Object.fromEntries(
        Object.entries(host).map(([name, call]) => [
          name,
          AT_ONCE.has(name)
            ? call
            : async (...words: unknown[]) => {
                if (life.isDead) return NEVER;
                if (isSlow && name === 'readLinks')
                  await new Promise<void>((resolve) => void mortalAt(clock.now() + 3000, resolve));
                await this.#jitter();
                if (life.isDead) return NEVER;
                const result = await call(...words);
                await this.#jitter();
                return life.isDead ? NEVER : result;
              },
        ]),
      ) as never;
    const alive = <F extends (...words: never[]) => unknown>(f: F) =>
      ((...words: never[]) => {
        if (life.isDead) throw new Error('the process is dead');
        return f(...words);
      }) as F;
    Object.assign(this.rig.wire, { open: alive(open), openArp: alive(openArp) });
    return this.rig.restart();
  }

  kill(): void {
    if (this.#life.isDead) return;
    this.kills += 1;
    this.say('killed');
    this.#life.isDead = true;
    this.#life.die();
    this.rig.stop();
    queueMicrotask(() => void this.start());
  }

  /** A call of dockerd. @returns undefined if it failed. */
  async call<T>(
    name: string,
    work: (rig: DriverRig) => Promise<T>,
  ): Promise<{ answer: T } | undefined> {
    const { died } = this.#life;
    this.say(`${name} …`);
    try {
      const answer = await Promise.race([
        work(this.rig).then((result) => ({ answer: result })),
        died.then(() => 'dead' as const),
      ]);
      this.say(`${name}: ${answer === 'dead' ? 'dead' : 'ok'}`);
      return answer === 'dead' ? undefined : answer;
    } catch (error) {
      const { message } = error as Error;
      this.say(`${name}: ${message}`);
      if (!message.includes('failed')) {
        const text = `${name.split(' ')[0]}: ${message.replace(/[0-9a-f]{2}(:[0-9a-f]{2}){5}|\d+\.\d+\.\d+\.\d+|endpoint [0-9a-z]+/g, '…')}`;
        this.refusals.set(text, (this.refusals.get(text) ?? 0) + 1);
      }
      return undefined;
    }
  }

  /** With retries, as for calls that end something. */
  async callAgain(name: string, work: (rig: DriverRig) => Promise<unknown>): Promise<void> {
    for (let tries = 0; tries < 3; tries += 1) {
      if ((await this.call(name, work)) !== undefined || this.chance(0.3)) return;
    }
  }

  later(ms: number): Promise<void> {
    const { clock } = this.#real;
    return new Promise((resolve) => void clock.at(clock.now() + ms, resolve));
  }

  async #jitter(): Promise<void> {
    for (let turns = this.upTo(2); turns > 0; turns -= 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  get bound(): ReadonlyMap<string, Ipv4> {
    return this.#bound;
  }

  readonly #serve: Server = ({ type, message }) => {
    const { chaddr, xid } = message;
    const client = clientOf(message);
    const isTaken = (address: Ipv4) =>
      [...this.#bound].some(([who, bound]) => who !== client && bound === address);
    const wanted = ipv4Of(message.options, OPTION.REQUESTED_ADDRESS) ?? message.ciaddr;
    const pool = [50, 51, 52, 53, 54, 55].map((last) => ip(`192.0.2.${last}`));
    const own = this.#bound.get(client);
    switch (type) {
      case 'DISCOVER': {
        const address = own ?? [wanted, ...pool].find((one) => pool.includes(one) && !isTaken(one));
        if (address === undefined) return [];
        return [offer({ xid, address, leaseSec: 6000, header: { chaddr } })];
      }
      case 'REQUEST':
        if (isTaken(wanted) || (own !== undefined && own !== wanted)) {
          return [nak({ xid, header: { chaddr } })];
        }
        this.#bound.set(client, wanted);
        this.#released.delete(client);
        return [ack({ xid, address: wanted, leaseSec: 6000, header: { chaddr } })];
      case 'RELEASE': {
        const address = message.ciaddr;
        this.say(`RELEASE ${client} ${address}`);
        const living = this.living.get(client);
        if (living !== undefined) this.problems.push(`RELEASE of a living container ${client}`);
        const others = [...this.living].filter(([who, one]) => who !== client && one.address === address); // prettier-ignore
        if (others.length > 0) this.problems.push(`RELEASE by ${client} of ${address}, which ${others[0]![0]} wears`); // prettier-ignore
        const mac = chaddr;
        const isOfAnother = this.rig.store.contents.leases.some(
          (one) => one.mac !== mac && one.lease?.address === address,
        );
        // A kill between ACK and record leaves a lease that only the server knows.
        if (isTaken(address) && isOfAnother) {
          this.problems.push(`RELEASE by ${client} of ${address} of another`);
        }
        if (own === undefined && this.#released.get(client) === this.starts) {
          this.problems.push(`second RELEASE by ${client} of ${address}`);
        }
        if (own === address) this.#bound.delete(client);
        this.#released.set(client, this.starts);
        return [];
      }
      default:
        return [];
    }
  };
}

let serial = 0;
const newId = () => (serial += 1).toString(16).padStart(64, 'a');

async function container(
  storm: Storm,
  name: string,
  isOurIpam: boolean,
  isStable: boolean,
): Promise<void> {
  const { rig } = storm;
  await storm.later(storm.upTo(5000));
  for (let lives = 0; lives < 6; lives += 1) {
    const endpointId = newId();
    const mac = isStable ? macFromId(name) : macFromId(`${name} ${serial}`);
    const label = `${name}/${lives}`;
    let address = '';
    if (isOurIpam) {
      const leased = await storm.call(`RequestAddress ${label}`, () => rig.requestAddress(storm.poolId, { macAddress: mac })); // prettier-ignore
      if (leased === undefined) {
        await storm.later(storm.upTo(3000));
        continue;
      }
      address = leased.answer.split('/')[0]!;
    }
    const release = () =>
      isOurIpam && !storm.chance(0.05)
        ? storm.callAgain(`ReleaseAddress ${label} ${address}`, () => rig.ipam.releaseAddress(storm.poolId, address)) // prettier-ignore
        : Promise.resolve();
    const request = {
      endpointId,
      userMac: isStable ? mac : undefined,
      interface: { address: isOurIpam ? `${address}/24` : '', macAddress: isOurIpam || isStable ? mac : '' }, // prettier-ignore
    };
    const created = await storm.call(`CreateEndpoint ${label}`, () => rig.createEndpoint(request));
    if (created === undefined) {
      await release();
      await storm.later(storm.upTo(3000));
      continue;
    }
    const remove = async () => {
      if (!storm.chance(0.1)) await storm.callAgain(`DeleteEndpoint ${label}`, () => rig.driver.removeEndpoint(endpointId)); // prettier-ignore
      if (storm.chance(0.4)) {
        const ended = storm.later(storm.upTo(20_000)).then(release);
        background.add(ended);
      } else await release();
    };
    const joined = await storm.call(`Join ${label}`, () => rig.driver.join(endpointId, SANDBOX));
    const record = rig.registry.findEndpoint(endpointId);
    if (joined === undefined) {
      await storm.callAgain(`Leave ${label}`, () => rig.driver.leave(endpointId));
      await remove();
      continue;
    }
    if (record === undefined) {
      storm.problems.push(`${label} has joined and has no record`);
      continue;
    }
    const client = record.clientId.startsWith('01') ? record.mac : record.clientId;
    rig.host.moveIntoSandbox(record.hostEnd);
    storm.living.set(client, { mac: record.mac, address: record.lease!.address });
    await storm.later(storm.upTo(storm.chance(0.2) ? 400_000 : 10_000));
    const now = rig.registry.findEndpoint(endpointId);
    if (now === undefined) storm.problems.push(`${label} lives and has no record`);
    if (storm.bound.get(client) !== record.lease!.address) storm.problems.push(`${label} lives and has no lease`); // prettier-ignore
    storm.living.delete(client);
    if (storm.chance(0.15)) {
      storm.say(`${label} vanishes`);
      rig.host.loseEndpoint(record.hostEnd);
      if (storm.chance(0.5)) await storm.later(storm.upTo(70_000));
      if (storm.chance(0.5)) continue;
    } else {
      await storm.callAgain(`Leave ${label}`, () => rig.driver.leave(endpointId));
      rig.host.links.add(record.containerEnd);
      const link = rig.host.endpoints.get(record.hostEnd);
      if (link !== undefined) rig.host.endpoints.set(record.hostEnd, { ...link, here: true });
      else rig.host.links.delete(record.containerEnd);
    }
    await remove();
    if (storm.chance(0.5)) await storm.later(storm.upTo(30_000));
  }
}

const background = new Set<Promise<void>>();

async function disks(storm: Storm, isOver: () => boolean): Promise<void> {
  const { failing } = storm.rig.store;
  while (!isOver()) {
    await storm.later(storm.upTo(40_000));
    if (isOver()) return;
    storm.fulls += 1;
    for (const what of ['save leases', 'delete leases'] as const) if (storm.chance(0.7)) failing.add(what); // prettier-ignore
    storm.say('disk is full');
    await storm.later(storm.upTo(5_000));
    failing.clear();
    storm.say('disk has room');
  }
}

async function until(storm: Storm, work: Promise<unknown>): Promise<void> {
  let isDone = false;
  void work.finally(() => (isDone = true));
  for (let steps = 0; !isDone; steps += 1) {
    if (steps > 200_000) throw new Error('it does not end');
    await storm.rig.clock.pass(steps % 4 === 0 ? 500 : 1);
  }
}

async function run(
  seed: number,
  trouble: Trouble,
  isOurIpam: boolean,
  release: string,
): Promise<Storm> {
  const storm = new Storm(seed, trouble);
  const { rig } = storm;
  serial = 0;
  background.clear();
  const options = { parent: 'eth1', vlan: '500', release };
  if (isOurIpam)
    storm.poolId = await rig.createIpamNetwork({ pool: { pool: '192.0.2.0/24', options } });
  else await rig.createNetwork({ options });
  rig.stop();
  await until(storm, storm.start());
  let isOver = false;
  const all = Promise.all(
    ['one', 'two', 'three', 'four'].map((name, index) => container(storm, name, isOurIpam, index % 2 === 0)), // prettier-ignore
  )
    .then(() => Promise.all(background))
    .finally(() => (isOver = true));
  if (trouble.fullDisks) void disks(storm, () => isOver);
  await until(storm, all);
  await rig.clock.pass(50_000);
  rig.store.failing.clear();
  rig.stop();
  await until(storm, storm.start());
  await rig.clock.pass(250_000);
  for (let turns = 0; turns < 50; turns += 1) await rig.clock.pass(1); // what is being written
  storm.problems.push(...problemsOf(rig));
  if (storm.problems.includes('memory and disk differ'))
    console.log(
      'MEM',
      JSON.stringify(rig.registry.leases()),
      '\nDSK',
      JSON.stringify(rig.store.contents.leases),
    );
  const { held, records, addresses, clients } = rig.leftovers;
  const stale = { records, addresses, clients };
  if (
    JSON.stringify(stale) !== '{"records":[],"clients":0,"addresses":[]}' &&
    records.length + addresses.length + clients > 0
  )
    storm.problems.push(`left: ${JSON.stringify(stale)}`);
  const isCalm = storm.kills === 0 && storm.fulls === 0;
  if (isCalm && storm.bound.size * 2 !== held.length) storm.problems.push(`server: ${storm.bound.size}, held ${held.length / 2}`); // prettier-ignore
  await until(storm, rig.driver.removeNetwork(NETWORK).then(() => (isOurIpam ? rig.ipam.releasePool(storm.poolId) : undefined))); // prettier-ignore
  const { leases: _, ...left } = rig.leftovers;
  const { leases: __, ...nothing } = NOTHING_LEFT;
  if (
    JSON.stringify(left) !== JSON.stringify({ ...nothing, timers: left.timers }) ||
    left.timers !== 0
  )
    storm.problems.push(`in the end: ${JSON.stringify(left)}`);
  if (isCalm && storm.bound.size > 0)
    storm.problems.push(`server keeps ${[...storm.bound].join(' ')}`);
  const { leases, networks, pools } = rig.store.contents;
  if (leases.length + networks.length + pools.length > 0)
    storm.problems.push(
      `on disk: ${JSON.stringify(leases.map(({ id, holder, awaited }) => ({ id, holder, awaited })))}`,
    );
  rig.stop();
  return storm;
}

const TROUBLES: readonly (readonly [string, Trouble])[] = [
  ['calm', { kills: false, fullDisks: false }],
  ['kills', { kills: true, fullDisks: false }],
  ['full disks', { kills: false, fullDisks: true }],
  ['both', { kills: true, fullDisks: true }],
];
const SEEDS = Number(process.env['STORM_SEEDS'] ?? 3);
const FIRST = Number(process.env['STORM_FIRST'] ?? 1);

for (const [name, trouble] of TROUBLES) {
  for (const isOurIpam of [false, true]) {
    for (const release of ['now', 'hold=30s']) {
      it(`${name}, ${isOurIpam ? 'our IPAM' : 'null'}, release=${release}`, async () => {
        const found: string[] = [];
        for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
          const storm = await run(seed, trouble, isOurIpam, release);
          found.push(...storm.problems.map((text) => `seed ${seed}: ${text}`));
          if (process.env['STORM_LOG'] && storm.problems.length > 0)
            console.log(`SEED ${seed} ${storm.problems.join()}\n${storm.log.join('\n')}`);
          if (process.env['STORM_REFUSALS'])
            console.log([...storm.refusals].join('\n'), storm.kills, storm.fulls);
        }
        expect(found).toEqual([]);
      });
    }
  }
}
