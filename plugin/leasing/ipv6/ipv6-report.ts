/** What the DHCPv6 client says to an operator. */
import type { Effect } from '../../dhcp6/client/client.ts';
import type { InformationEffect } from '../../dhcp6/client/information.ts';
import type { Logger } from '../../logger.ts';

type Told = Exclude<Effect | InformationEffect, { readonly type: 'send' | 'check' | 'lease' }>;

export function reportDhcp6(log: Logger, effect: Told): void {
  switch (effect.type) {
    case 'refused':
      return log.warn(
        { by: effect.by, status: effect.status, text: effect.text },
        'DHCPv6 server refused',
      );
    case 'unanswered': {
      const { serverId: server } = effect.lease;
      return effect.since === 'T1'
        ? log.info({ server }, 'IPv6 lease not renewed yet: its server does not answer')
        : log.warn({ server }, 'IPv6 lease not renewed: its server does not answer, all are asked');
    }
    case 'ignored':
      return log.debug({ reason: effect.reason }, 'DHCPv6 message ignored');
    case 'withheld':
      return log.error(
        { address: effect.address },
        'conflict not told to the DHCPv6 server: too many DECLINEs lately',
      );
    case 'informed':
      return log.debug({ server: effect.information.serverId }, 'DHCPv6 server has informed');
  }
}
