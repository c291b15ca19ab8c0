/** The host of the unit tests does what the kernel does; test/kernel/host.test.ts is the same with the kernel. */
import { FakeHost } from '../../support/fake-host.ts';
import { describeHost } from '../../support/host-conformance.ts';

describeHost('the fake host', () => {
  const fake = new FakeHost();
  return {
    host: fake.asPlainObject(),
    removeLink: (name) => fake.removeLink(name),
    addBridge: (name) => {
      fake.addBridge(name);
      fake.foreign.add(name);
    },
    moveIntoSandbox: (hostEnd) => {
      fake.moveIntoSandbox(hostEnd);
      return '/run/netns/box';
    },
    dispose: () => undefined,
  };
});
