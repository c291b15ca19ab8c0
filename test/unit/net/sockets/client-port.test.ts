import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ClientPort, holdClientPort } from '../../../../plugin/net/sockets/client-port.ts';

/** @param problems the error of each attempt to take the port. Undefined if the port is taken. */
function rig(problems: readonly (Error | undefined)[]) {
  const troubles: string[] = [];
  const given: number[] = [];
  let attempts = 0;
  const hold = () => {
    const attempt = attempts;
    attempts += 1;
    const problem = problems[attempt];
    if (problem !== undefined) throw problem;
    return () => void given.push(attempt);
  };
  const port = new ClientPort(hold, ({ message }) => troubles.push(message));
  return { port, troubles, given, attempts: () => attempts };
}

describe("the client's port", () => {
  it.each(['bind: EACCES', 'setsockopt: ENODEV', 'socket: EMFILE', 'the namespace is gone'])(
    'is done without after "%s", and tried again when there is something to send',
    (message) => {
      const { port, troubles, given, attempts } = rig([new Error(message), undefined]);
      port.take();
      expect(troubles).toEqual([message]);
      port.giveBack();
      expect(given).toEqual([]);
      port.take();
      port.take();
      expect([troubles.length, attempts()]).toEqual([1, 2]);
      port.giveBack();
      expect(given).toEqual([1]);
    },
  );

  it('is left to the program of the container that has it', () => {
    const troubles: Error[] = [];
    const port = new ClientPort(
      () => undefined,
      (error) => troubles.push(error),
    );
    port.take();
    port.giveBack();
    expect(troubles).toEqual([]);
  });

  it('cannot be held in a namespace that is gone, and that is an error for the caller to tell', () => {
    expect(() => holdClientPort('/run/docker/netns/none', 2)).toThrow('does not exist');
  });
});

it('the service may take the port also where a container sets net.ipv4.ip_unprivileged_port_start', () => {
  const unit = readFileSync(
    new URL('../../../../scripts/vlandhcp.service', import.meta.url),
    'utf8',
  );
  expect(/^CapabilityBoundingSet=(.*)$/m.exec(unit)?.[1]?.split(' ').toSorted()).toEqual([
    'CAP_NET_ADMIN',
    'CAP_NET_BIND_SERVICE',
    'CAP_NET_RAW',
    'CAP_SYS_ADMIN',
  ]);
});
