/** The hub's service: state, kernel, registrar, echo and admin socket, in this order. */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import { closeServer } from '../runtime/unix-socket.ts';
import { REGISTRAR_PORT } from '../uplink/desired.ts';
import { serveAdmin } from '../uplink/admin-socket.ts';
import type { NftCounters } from '../uplink/kernel/nft-counters.ts';
import { messageOf, PluginError } from '../vocabulary/errors.ts';
import { Authority } from './authority/authority.ts';
import { ManageAnswers } from './authority/manage-answers.ts';
import { ManageOperator } from './authority/manage-operator.ts';
import { MemberPorts } from './authority/member-ports.ts';
import type { HubLinks } from './desired.ts';
import { FirewallWatch } from './firewall-watch.ts';
import { hubCalls } from './hub-calls.ts';
import { HubOperator } from './hub-operator.ts';
import { HubState } from './hub-state.ts';
import { HubFiles } from './hub-store.ts';
import { addressOf } from './members.ts';
import { openEcho } from './registrar/echo.ts';
import { HubAnswers } from './registrar/hub-answers.ts';
import { createRegistrar } from './registrar/registrar.ts';
import { openHubStreams } from './streams/hub-streams.ts';
import { observeHub, type HubTelling } from './watch/observed-hub.ts';

export interface HubServiceDeps {
  readonly stateDir: string;
  readonly adminSocket: string;
  readonly links: HubLinks;
  readonly clock: Clock;
  readonly log: Logger;
  /** What operators are told. */
  readonly telling: HubTelling;
  /** Packets that the rules of the hub have counted. */
  readonly counters: () => Promise<NftCounters>;
  readonly version: string;
}

/**
 * Resolves when members can join. The links stay when it is closed (U5).
 * @throws PluginError if there is no hub yet, or if it cannot start.
 */
export async function runHub(deps: HubServiceDeps): Promise<{ close(): Promise<void> }> {
  const { stateDir, adminSocket, clock, log } = deps;
  const files = new HubFiles(stateDir);
  const record = await files.readHub();
  if (record === undefined) {
    throw new PluginError(
      'STATE_UNREADABLE',
      `there is no hub in ${stateDir} yet; make one: vlandhcp hub init --site NAME --trunk LINK --endpoint HOST`,
    );
  }
  const onFailure = (err: unknown): void => log.error({ err }, 'hub: request failed unexpectedly');
  const ports = new MemberPorts(log);
  const links = withPorts(deps.links, ports);
  const contents = await files.load();
  const observed = observeHub({ ...deps, record, contents, store: files });
  const { store } = observed;
  const hub = new HubState({ record, store, links, clock, log }, contents);
  await hub.start();
  const address = addressOf(record);
  const authority = new Authority(stateDir, record);
  const answers = Object.assign(new HubAnswers(hub), { manage: new ManageAnswers(hub, authority) });
  const registrar = createRegistrar(answers, onFailure, observed.answered);
  await new Promise<void>((resolve, reject) => {
    registrar.once('error', reject);
    registrar.listen(REGISTRAR_PORT, address, resolve);
  }).catch((cause: unknown) => {
    const reason = messageOf(cause);
    throw new PluginError(
      'SOCKET_FAILED',
      `the registrar cannot listen on ${address}:${REGISTRAR_PORT}: ${reason}`,
      { cause },
    );
  });
  registrar.on('error', onFailure);
  const echo = await openEcho(address, REGISTRAR_PORT, onFailure, observed.word);
  const firewall = new FirewallWatch({
    ...{ links, clock, log, turn: hub.turn, desired: () => hub.desired() },
  });
  const streams = await openHubStreams(record, { clock, log });
  const calls = hubCalls(
    hub,
    new HubOperator(hub),
    new ManageOperator(hub, authority, ports),
    (endpoint) => streams.whence(endpoint),
  );
  const metrics = observed.metrics(hub, streams);
  const admin = await serveAdmin(adminSocket, calls, onFailure, deps.telling.tells(metrics));
  await deps.telling.openPort(metrics);
  log.info({ site: record.site, address, port: record.listenPort }, 'hub ready');
  return {
    async close() {
      await admin.close();
      firewall.close();
      await streams.close();
      hub.close();
      observed.close();
      ports.close();
      echo.close();
      const closed = closeServer(registrar);
      registrar.closeAllConnections();
      await closed;
    },
  };
}

/**
 * Ports of the hub are a part of what is desired, and go with their members. A port that cannot be
 * opened fails no command about another member.
 */
function withPorts(links: HubLinks, ports: MemberPorts): HubLinks {
  return {
    ...links,
    async ensure(desired, made) {
      await ports.ensure(desired);
      await links.ensure(desired, made);
    },
  };
}
