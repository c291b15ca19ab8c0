/**
 * The real host passes the suite. test/unit/support/fake-host.test.ts runs it with the fake host.
 */
import { linuxHost } from '../../../plugin/net/host.ts';
import { describeHost } from '../../support/fakes/host-conformance.ts';
import { addParent, enterSandbox, ip } from '../../support/lab/netns.ts';

describeHost('the Linux host', () => {
  const sandbox = enterSandbox();
  addParent('eth1', 'port1');
  return {
    host: linuxHost,
    removeLink: (name) => void ip(`link del dev ${name}`),
    addBridge: (name) => {
      ip(`link add name ${name} type bridge forward_delay 0`);
      ip(`link set dev ${name} up`);
    },
    moveIntoSandbox: (_hostEnd, containerEnd) => {
      const { name, path } = sandbox.addNamespace();
      ip(`link set dev ${containerEnd} netns ${name}`);
      return path;
    },
    dispose: () => sandbox.dispose(),
  };
});
