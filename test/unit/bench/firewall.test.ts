import { describe, expect, it } from 'vitest';
import { DOCKER_HOST, FIREWALLS, OPEN, stepsTo } from '../../../bench/site/firewall.ts';

describe('what is set in the machine of a benchmark', () => {
  it.each(FIREWALLS)('$name: forwarding is on, and both policies are set', (firewall) => {
    expect(stepsTo(firewall, true)).toMatchObject({
      settings: expect.arrayContaining([['/proc/sys/net/ipv4/ip_forward', '1']]) as unknown,
      commands: [
        ['iptables', '-w', '-P', 'FORWARD', firewall.policy],
        ['ip6tables', '-w', '-P', 'FORWARD', firewall.policy],
      ],
    });
  });

  it('says in each case whether frames between two ports of a bridge are filtered', () => {
    const settings = FIREWALLS.map((firewall) => {
      const steps = stepsTo(firewall, true);
      return typeof steps === 'string' ? steps : Object.fromEntries(steps.settings);
    });
    expect(settings).toMatchObject([
      { '/proc/sys/net/bridge/bridge-nf-call-iptables': '1' },
      { '/proc/sys/net/bridge/bridge-nf-call-iptables': '0' },
    ]);
  });

  it('without br_netfilter one cannot be had, and says so; the other needs nothing more', () => {
    expect(stepsTo(DOCKER_HOST, false)).toMatch(/^the kernel has no br_netfilter/);
    expect(stepsTo(OPEN, false)).toMatchObject({
      settings: [['/proc/sys/net/ipv4/ip_forward', '1']],
    });
  });
});
