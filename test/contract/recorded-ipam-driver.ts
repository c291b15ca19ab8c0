/** An IPAM driver that only notes the calls, and answers what a test tells it. */
import type { IpamDriver } from '../../plugin/api/ipam-driver.ts';
import type { RequestPoolAnswer } from '../../plugin/options/ipam-requests.ts';
import type { RecordedCall } from './recorded-driver.ts';

export const POOL_ID = 'v1:4:eth1:500:10.50.0.0/24:1f2e3d4c';

export class RecordedIpamDriver implements IpamDriver {
  readonly calls: RecordedCall[] = [];
  requiresMacAddress = true;
  /** Runs in each call, and may fail it. */
  behaviour: (method: string, signal?: AbortSignal) => Promise<void> = () => Promise.resolve();
  poolAnswer: RequestPoolAnswer = {
    poolId: POOL_ID,
    pool: '10.50.0.0/24',
    gateway: '10.50.0.1/24',
  };

  async requestPool(...[request, signal]: Parameters<IpamDriver['requestPool']>) {
    await this.#note('requestPool', [request], signal);
    return this.poolAnswer;
  }

  releasePool(...args: Parameters<IpamDriver['releasePool']>) {
    return this.#note('releasePool', args);
  }

  async requestAddress(...[request, signal]: Parameters<IpamDriver['requestAddress']>) {
    await this.#note('requestAddress', [request], signal);
    return '10.50.0.101/24';
  }

  releaseAddress(...args: Parameters<IpamDriver['releaseAddress']>) {
    return this.#note('releaseAddress', args);
  }

  #note(method: string, args: readonly unknown[], signal?: AbortSignal): Promise<void> {
    this.calls.push({ method, args });
    return this.behaviour(method, signal);
  }
}
