/**
 * The fake host of the unit tests passes the suite. test/kernel/links/host.test.ts runs it with the
 * kernel.
 */
import { FakeHost } from '../../support/fakes/fake-host/fake-host.ts';
import { describeHost } from '../../support/fakes/host-conformance.ts';

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
