/** A driver that only notes the calls, and answers what a test tells it. */
import type { NetworkDriver } from '../../plugin/api/network-driver.ts';
import type { JoinAnswer } from '../../plugin/endpoints/answers.ts';
import { ip, mac } from '../support/frames/messages.ts';

export const JOIN_ANSWER: JoinAnswer = {
  srcName: 'vdc0123456789ab',
  dstName: undefined,
  gateway: ip('10.50.0.1'),
  staticRoutes: [
    { destination: ip('198.51.100.1'), prefixLength: 32, via: undefined },
    { destination: ip('10.0.0.0'), prefixLength: 8, via: ip('10.50.0.9') },
  ],
};

export interface RecordedCall {
  readonly method: string;
  readonly args: readonly unknown[];
}

export class RecordedDriver implements NetworkDriver {
  readonly calls: RecordedCall[] = [];
  /** Runs in each call, and may fail it. */
  behaviour: (method: string, signal?: AbortSignal) => Promise<void> = () => Promise.resolve();
  joinAnswer = JOIN_ANSWER;
  macAnswer: ReturnType<typeof mac> | undefined = mac('02:74:52:1f:fe:e0');

  ipv6Answer: string | undefined;

  createNetwork(...[request, signal]: Parameters<NetworkDriver['createNetwork']>) {
    return this.#note('createNetwork', [request], signal);
  }

  removeNetwork(...args: Parameters<NetworkDriver['removeNetwork']>) {
    return this.#note('removeNetwork', args);
  }

  async createEndpoint(...[request, signal]: Parameters<NetworkDriver['createEndpoint']>) {
    await this.#note('createEndpoint', [request], signal);
    return {
      address: '10.50.0.101/24',
      macAddress: this.macAnswer,
      addressIpv6: this.ipv6Answer,
    };
  }

  removeEndpoint(...args: Parameters<NetworkDriver['removeEndpoint']>) {
    return this.#note('removeEndpoint', args);
  }

  async join(...args: Parameters<NetworkDriver['join']>) {
    await this.#note('join', args);
    return this.joinAnswer;
  }

  leave(...args: Parameters<NetworkDriver['leave']>) {
    return this.#note('leave', args);
  }

  endpointInfo(...args: Parameters<NetworkDriver['endpointInfo']>) {
    this.calls.push({ method: 'endpointInfo', args });
    return { 'vlandhcp.address': '10.50.0.101/24' };
  }

  status() {
    return [];
  }

  #note(method: string, args: readonly unknown[], signal?: AbortSignal): Promise<void> {
    this.calls.push({ method, args });
    return this.behaviour(method, signal);
  }
}
