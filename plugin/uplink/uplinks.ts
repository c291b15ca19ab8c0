/** All uplinks of this host: join, leave, and what an operator sees of them. */
import { createQueue } from '../keyed-lock.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { ManagementStatus } from './manage/managed-uplink.ts';
import { Member, type MemberDeps } from './member/member.ts';
import { DEVICE, type UplinkRecord } from './member/member-record.ts';
import { problemText } from './member/problem-text.ts';
import type { StateName } from './member/states.ts';
import { parseToken, tokenId, type Token } from './protocol/token.ts';
import { checkProxy } from './streams/proxy/proxy-way.ts';
import { checkSshWay } from './streams/ssh-way.ts';
import { statusOf, type UplinkStatus } from './uplink-status.ts';
import { generateKey } from './wireguard-key.ts';

/** The management of Docker over uplinks. */
interface Managing {
  update(record: UplinkRecord, state: StateName): Promise<void>;
  forget(device: string): Promise<void>;
  status(device: string): ManagementStatus | undefined;
}

interface JoinOptions {
  /** The way by ssh, as it was typed. Undefined: UDP, and TLS where the hub has it. */
  readonly via?: string | undefined;
  /** The HTTP proxy for TLS, as it was typed. Undefined: what the environment names. */
  readonly proxy?: string | undefined;
  /** Docker of this host may be managed by the site. */
  readonly isManaged?: boolean | undefined;
}

export interface UplinksDeps extends MemberDeps {
  readonly management?: Managing;
  /** What on this host has addresses of that tunnel network: a sentence. Undefined: nothing. */
  readonly clash: (address: string, device: string) => Promise<string | undefined>;
}

export class Uplinks {
  readonly #deps: UplinksDeps;
  readonly #turn = createQueue();
  /** By device. */
  readonly #members = new Map<string, Member>();
  /**
   * Joins that failed, by token: the hub may know their key, so the same token must come with the
   * same key again. Bounded: each is removed when its token expires.
   */
  readonly #failed = new Map<string, UplinkRecord>();

  constructor(deps: UplinksDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when the kernel has the links of those that have joined, or has refused them once. It
   * waits for no hub.
   */
  async start(records: readonly UplinkRecord[]): Promise<void> {
    const joined: Promise<unknown>[] = [];
    for (const record of records) {
      const { device, tokenId: id, view, oneTime, hasFailed } = record;
      if (view === undefined && (oneTime?.expiresAt ?? 0) <= this.#deps.clock.wall()) {
        await this.#deps.links.remove(device);
        await this.#deps.store.remove(device);
      } else if (hasFailed === true) {
        this.#failed.set(id, record);
      } else {
        const member = this.#make(record);
        member.start();
        if (view === undefined) void this.#watchJoin(member);
        else joined.push(member.settled());
      }
    }
    await Promise.all(joined);
  }

  close(): void {
    for (const member of this.#members.values()) member.close();
  }

  /**
   * Joins with a token that was pasted, and resolves when the trunk is there.
   * @throws PluginError with one sentence. Nothing is left of a join that failed.
   */
  async join(
    typed: string,
    device: string,
    { via, proxy, isManaged = false }: JoinOptions = {},
  ): Promise<UplinkStatus & { readonly ms: number }> {
    const { clock } = this.#deps;
    const from = clock.now();
    const token = parseToken(typed, clock.wall());
    checkWay({ via, proxy });
    const member = await this.#turn(async () => {
      await this.#refuseIfTaken(token, device);
      const known = this.#failed.get(tokenId(token));
      const own = recordOf(token, device, known);
      const record: UplinkRecord = { ...own, via, proxy, isManaged };
      await this.#deps.store.save(record); // its key is on disk before the hub hears of it
      this.#failed.delete(tokenId(token));
      if (known !== undefined && known.device !== device) await this.#removeFailed(known.device);
      const made = this.#make(record);
      made.start();
      return made;
    });
    const problem = await this.#watchJoin(member);
    if (problem !== undefined) throw problem;
    return { ...(await this.#statusOf(member)), ms: Math.round(clock.now() - from) };
  }

  async status(): Promise<readonly UplinkStatus[]> {
    return Promise.all([...this.#members.values()].map((member) => this.#statusOf(member)));
  }

  /** @returns true if the hub was told. Here nothing is left in every case. */
  leave(
    device: string | undefined,
  ): Promise<{ readonly device: string; readonly isTold: boolean }> {
    return this.#turn(async () => {
      const member = this.#one(device);
      const isTold = await member.leave();
      this.#members.delete(member.record.device);
      await this.#deps.management?.forget(member.record.device);
      return { device: member.record.device, isTold };
    });
  }

  async rotate(device: string | undefined): Promise<UplinkStatus> {
    const member = this.#one(device);
    const before = member.record.privateKey;
    if (member.state.name !== 'UP') {
      throw refused(`${member.record.device} is not up; a key is changed while the hub answers`);
    }
    member.rotate();
    await member.settled();
    if (member.record.privateKey === before) {
      throw new PluginError(
        'HUB_REFUSED',
        `the hub was not heard under the new key; ${member.record.device} goes on with the old one; try again later`,
      );
    }
    return this.#statusOf(member);
  }

  /** Docker of this host may be managed by that uplink, or not any more. */
  async manage(device: string | undefined, isManaged: boolean): Promise<UplinkStatus> {
    // A `leave` that is under way ends first. Nothing of the uplink is made again then.
    const member = await this.#turn(async () => {
      const one = this.#one(device);
      await one.manage(isManaged);
      return one;
    });
    await this.#deps.management?.update(member.record, member.state.name);
    return this.#statusOf(member);
  }

  #make(record: UplinkRecord): Member {
    const onChange = ({ record: now, state }: Member): void =>
      void this.#deps.management?.update(now, state.name);
    const member = new Member({ ...this.#deps, onChange }, record);
    this.#members.set(record.device, member);
    return member;
  }

  /** If the join fails, nothing is left but its key, for as long as the token is valid. */
  async #watchJoin(member: Member): Promise<PluginError | undefined> {
    const state = await member.settled();
    if (state.name !== 'FAILED' && state.name !== 'REVOKED') return undefined;
    const { record } = member;
    const problem = problemText(state, member.seen.addresses, record.hub.site, member.seen.stream);
    return this.#turn(async () => {
      this.#members.delete(record.device);
      member.close();
      await this.#deps.management?.forget(record.device);
      await this.#deps.links.remove(record.device);
      // Refused for good: the same token never works again from here.
      const isFinal = state.name === 'REVOKED' || state.problem.is === 'refused';
      if (isFinal) {
        await this.#deps.store.remove(record.device);
      } else {
        const failed = { ...record, hasFailed: true };
        this.#failed.set(record.tokenId, failed);
        await this.#deps.store.save(failed);
      }
      return problem;
    });
  }

  async #refuseIfTaken({ hubKey, site, address }: Token, device: string): Promise<void> {
    if (!DEVICE.test(device)) {
      throw refused(`${device} is no name for an uplink; use up to 12 of a-z, 0-9 and -`);
    }
    for (const { record, state } of this.#members.values()) {
      if (record.hub.publicKey === hubKey && state.name !== 'FAILED') {
        throw refused(
          `this host is joined to "${site}" already, by ${record.device}; leave it first: vlandhcp uplink leave ${record.device}`,
        );
      }
      if (record.device === device) {
        throw refused(
          `${device} is the uplink to "${record.hub.site}"; choose another name: --dev uplink1`,
        );
      }
    }
    const now = this.#deps.clock.wall();
    for (const [id, { oneTime, device: failedDevice }] of this.#failed) {
      if ((oneTime?.expiresAt ?? 0) > now) continue;
      this.#failed.delete(id);
      await this.#removeFailed(failedDevice);
    }
    const clash = await this.#deps.clash(address, device);
    if (clash !== undefined) {
      throw refused(
        `the tunnel network of "${site}" meets ${clash} on this host; choose another one at the hub: vlandhcp hub init --subnet`,
      );
    }
  }

  /** Since it failed another join may have taken its device. The file is that one's then. */
  async #removeFailed(device: string): Promise<void> {
    const isReused =
      this.#members.has(device) || [...this.#failed.values()].some((one) => one.device === device);
    if (!isReused) await this.#deps.store.remove(device);
  }

  async #statusOf(member: Member): Promise<UplinkStatus> {
    const { device } = member.record;
    const tunnel = await this.#deps.links.status(device);
    return statusOf(member, tunnel, this.#deps.management?.status(device));
  }

  #one(device: string | undefined): Member {
    const all = [...this.#members.values()];
    const names = all.map(({ record }) => record.device).join(', ');
    if (all.length === 0) throw refused('this host has no uplink; join one: vlandhcp uplink join');
    const [first, second] = device === undefined ? all : [this.#members.get(device), undefined];
    if (second !== undefined) throw refused(`this host has several uplinks; name one of ${names}`);
    if (first === undefined) throw refused(`there is no uplink ${device}; there is ${names}`);
    return first;
  }
}

/** @throws PluginError INVALID_OPTION. */
function checkWay({ via, proxy }: JoinOptions): void {
  if (via !== undefined) checkSshWay(via);
  if (proxy === undefined) return;
  checkProxy(proxy);
  if (via === undefined) return;
  throw new PluginError(
    'INVALID_OPTION',
    '--proxy is for the way over TLS, and --via for ssh; for a proxy before ssh write ProxyCommand in the settings of ssh',
  );
}

function recordOf(token: Token, device: string, known: UplinkRecord | undefined): UplinkRecord {
  const { secret, address, expiresAt, endpoints } = token;
  return {
    device,
    privateKey: known?.privateKey ?? generateKey(),
    hub: {
      ...{ site: token.site, publicKey: token.hubKey, address: token.hubAddress },
      endpoints: [...endpoints],
      tlsUrl: token.tlsUrl,
    },
    tokenId: tokenId(token),
    oneTime: { secret, address, expiresAt },
  };
}

function refused(message: string): PluginError {
  return new PluginError('INVALID_REQUEST', message);
}
