/** IPv6 subnets of our IPAM driver on Docker's ipvlan, where containers share one MAC. */
import { expect, it } from 'vitest';
import { docker, lab, output, run, until } from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

site({ settings: { IPAM_REQUIRE_MAC: 'false' } });

it('each container has an address of its own, and reaches the office', async () => {
  await lab('ipv6-up', '500');
  try {
    await lab(
      ...['server-up', 'dnsmasq-no-ping', '500', '--', '--enable-ra'],
      '--dhcp-range=2001:db8:500::,slaac,64,600',
    );
    await docker(
      ...[
        'network',
        'create',
        '-d',
        'ipvlan',
        '-o',
        'parent=eth1.500',
        '--ipam-driver',
        'vlandhcp',
      ],
      ...['--ipam-opt', 'parent=eth1', '--ipam-opt', 'vlan=500', '--ipv6'],
      ...[
        '--subnet',
        '10.50.0.0/24',
        '--gateway',
        '10.50.0.1',
        '--subnet',
        '2001:db8:500::/64',
        'six',
      ],
    );
    const form = '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}';
    const addresses = [];
    for (const name of ['one', 'two']) {
      const chosen = name === 'two' ? ['--ip6', '2001:db8:500::77'] : [];
      await docker('run', '-d', '--name', name, '--net=six', ...chosen, 'bb');
      addresses.push((await output('docker', ['inspect', '-f', form, name])).trim());
      const ping = ['exec', name, 'ping', '-6', '-c', '1', '-W', '1', '2001:db8:99::2'];
      await until('it reaches the office', async () => (await run('docker', ping)).status === 0);
    }
    expect(addresses).toEqual([expect.stringMatching(/^2001:db8:500:0:/), '2001:db8:500::77']);
  } finally {
    await lab('server-down');
    await lab('ipv6-down', '500');
  }
});
