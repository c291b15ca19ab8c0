/**
 * The management of Docker by one uplink: what is wanted is compared with what there is, whenever
 * something changes and once an hour. So a lost answer, a hub that forgot and a certificate that
 * ends are one case.
 */
import type { Clock } from '../../clock.ts';
import { createQueue } from '../../keyed-lock.ts';
import type { Logger } from '../../logger.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { UplinkRecord } from '../member/member-record.ts';
import type { Way } from '../member/registrar-client.ts';
import type { StateName } from '../member/states.ts';
import type { MemberView } from '../protocol/registrar-protocol.ts';
import type { CertificateClient } from './certificate-client.ts';
import { ageOf, type Credentials, type CredentialStore } from './credentials.ts';
import type { DockerProxy, ProxyTrust } from './docker-proxy.ts';
import { makeRequest } from './certificates.ts';
import { messageOf } from '../../vocabulary/errors.ts';

const LOOKED_AT_EVERY: Ms = 3_600_000;
const TRIED_AGAIN_AFTER: Ms = 15_000;
/** Certificates begin this much before they are made, so a clock may be so wrong. */
const CLOCK_MAY_DIFFER: Ms = 600_000;

export interface ManagementDeps {
  readonly clock: Pick<Clock, 'now' | 'wall' | 'at'>;
  readonly log: Logger;
  readonly store: CredentialStore;
  readonly hub: CertificateClient;
  readonly open: (address: string, name: string, trust: ProxyTrust) => Promise<Proxy>;
}

type Proxy = Pick<DockerProxy, 'trust' | 'close'>;

/** What an operator sees of it. */
export interface ManagementStatus {
  readonly isServed: boolean;
  /** When the certificate ends. */
  readonly until: number | undefined;
  /** One sentence. Undefined: all is well. */
  readonly problem: string | undefined;
}

export class ManagedUplink {
  readonly #deps: ManagementDeps;
  readonly #turn = createQueue();
  #record: UplinkRecord;
  #state: StateName = 'IDLE';
  #credentials: Credentials | undefined;
  #isLoaded = false;
  #proxy: { readonly proxy: Proxy; readonly address: string } | undefined;
  #problem: string | undefined;
  #clockText: string | undefined;
  #isEnded = false;
  #cancelTimer: () => void = () => undefined;

  constructor(deps: ManagementDeps, record: UplinkRecord) {
    this.#deps = deps;
    this.#record = record;
  }

  get status(): ManagementStatus | undefined {
    if (this.#record.isManaged !== true) return undefined;
    const age = this.#age();
    return {
      isServed: this.#proxy !== undefined,
      until: age?.until,
      problem: this.#problem ?? this.#clockText,
    };
  }

  /** Resolves when all that can be done now is done. It never fails. */
  update(record: UplinkRecord, state: StateName): Promise<void> {
    this.#record = record;
    this.#state = state;
    return this.#look();
  }

  /** Stops serving. What is on disk stays. */
  close(): Promise<void> {
    this.#isEnded = true;
    this.#cancelTimer();
    return this.#turn(() => this.#stop());
  }

  /** The uplink is gone, and so is the key. */
  async forget(): Promise<void> {
    await this.close();
    await this.#deps.store.remove(this.#record.device);
  }

  #look(): Promise<void> {
    return this.#turn(async () => {
      if (this.#isEnded) return;
      this.#cancelTimer();
      const before = this.#problem;
      try {
        await this.#converge();
        this.#problem = undefined;
      } catch (error) {
        this.#problem = messageOf(error);
        if (this.#problem !== before) {
          const { device } = this.#record;
          this.#deps.log.warn({ link: device, reason: this.#problem }, 'management not possible');
        }
      }
      this.#arm();
    });
  }

  async #converge(): Promise<void> {
    const { view, isManaged = false, device } = this.#record;
    const isRunning = view !== undefined && !view.held && this.#state !== 'REVOKED';
    if (!isManaged || !isRunning) {
      await this.#stop();
      if (!isManaged) await this.#end(view);
      return;
    }
    if (!this.#isLoaded) this.#credentials = await this.#deps.store.load(device);
    this.#isLoaded = true;
    const now = this.#deps.clock.wall();
    const age = this.#age();
    const isMissing = age === undefined || view.client === undefined;
    // Clients from before the end must not come back. The hub's next view begins it anew.
    if (this.#record.isEnding === true) {
      await this.#stop();
      return this.#withdraw(view);
    }
    const isDue = isMissing || now >= age.renewAt || now < age.from;
    if (isDue && this.#state === 'UP') await this.#renew(view);
    await this.#serve(view);
  }

  /** Nothing of a management that was ended stays, also at the hub. */
  async #end(view: MemberView | undefined): Promise<void> {
    this.#clockText = undefined;
    if (this.#credentials !== undefined || !this.#isLoaded) {
      await this.#deps.store.remove(this.#record.device);
      this.#credentials = undefined;
      this.#isLoaded = true;
    }
    if (view?.client !== undefined) await this.#withdraw(view);
  }

  /** Certificates of clients are valid until the hub has heard it. */
  async #withdraw(view: MemberView): Promise<void> {
    const isTold = this.#state === 'UP' && (await this.#deps.hub.withdraw(this.#way(view)));
    if (!isTold) throw new Error('the hub has not heard yet that the management has ended');
  }

  /** A new key each time. The old one is used until the new one is on disk. */
  async #renew(view: MemberView): Promise<void> {
    const { privateKey, request } = await makeRequest();
    const { certificate, authority, now } = await this.#deps.hub.request(this.#way(view), request);
    const made = { privateKey, certificate, authority };
    if (ageOf(made, view.address) === undefined) {
      throw new Error('the hub gives no certificate: what it answered does not name this host');
    }
    await this.#deps.store.save(this.#record.device, made);
    this.#credentials = made;
    this.#clockText = clockText(this.#deps.clock.wall() - now);
    const { device } = this.#record;
    this.#deps.log.info({ link: device, until: this.#age()?.until }, 'certificate for Docker made');
    if (this.#clockText !== undefined) {
      this.#deps.log.warn({ link: device, reason: this.#clockText }, 'clock of this host is wrong');
    }
  }

  /** With a certificate that has ended, too: clients say so, and the rest of this host works. */
  async #serve({ address, client, name }: MemberView): Promise<void> {
    if (this.#credentials === undefined || client === undefined) return this.#stop();
    const trust = { credentials: this.#credentials, client };
    if (this.#proxy?.address === address) return this.#proxy.proxy.trust(trust);
    await this.#stop();
    this.#proxy = { proxy: await this.#deps.open(address, name, trust), address };
    this.#deps.log.info({ link: this.#record.device, address }, 'Docker of this host is managed');
  }

  async #stop(): Promise<void> {
    const { proxy } = this.#proxy ?? {};
    this.#proxy = undefined;
    await proxy?.close();
  }

  #arm(): void {
    const { clock } = this.#deps;
    const { isManaged = false, view } = this.#record;
    const isWaiting = isManaged !== (view?.client !== undefined);
    const isUnmade = this.#problem !== undefined || isWaiting;
    const delay = isUnmade ? TRIED_AGAIN_AFTER : LOOKED_AT_EVERY;
    this.#cancelTimer = clock.at(clock.now() + delay, () => void this.#look());
  }

  #age() {
    const { view } = this.#record;
    if (this.#credentials === undefined || view === undefined) return undefined;
    return ageOf(this.#credentials, view.address);
  }

  #way({ address }: MemberView): Way {
    return { own: address, hub: this.#record.hub.address };
  }
}

function clockText(ahead: Ms): string | undefined {
  if (Math.abs(ahead) < CLOCK_MAY_DIFFER) return undefined;
  const minutes = Math.round(Math.abs(ahead) / 60_000);
  const side = ahead > 0 ? 'ahead of' : 'behind';
  return `the clock of this host is ${minutes} min ${side} that of the hub, and certificates go by it; set it`;
}
