/** Judges the engine, the plugin and its admin socket (pure). */
import type { Facts } from './facts.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

const OLDEST_ENGINE = 20.1;

export function checkPlugin(facts: Facts): Finding[] {
  return [checkEngine(facts), ...checkInstalled(facts), checkSocket(facts), ...checkNames(facts)];
}

function checkEngine({ engine: { version, firewall } }: Facts): Finding {
  if (version === undefined) {
    return fail('engine', 'dockerd', 'dockerd does not answer', 'systemctl status docker');
  }
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major + minor / 100 < OLDEST_ENGINE) {
    const text = `Docker Engine ${version} is older than 20.10, the oldest that works`;
    return fail('engine', 'dockerd', text, 'upgrade Docker Engine');
  }
  const rules = firewall === undefined ? '' : `, firewall by ${firewall}`;
  return ok('engine', 'dockerd', `Docker Engine ${version}${rules}`);
}

function checkInstalled({ plugin, engine }: Facts): Finding[] {
  if (plugin === undefined || engine.version === undefined) return [];
  const found = engine.plugins.find(({ name }) => name === plugin);
  if (found === undefined) {
    return [fail('plugin', plugin, `Docker has no plugin ${plugin}`, 'see docs/install.md, or set VLANDHCP_PLUGIN=NAME')]; // prettier-ignore
  }
  if (!found.isEnabled) {
    return [fail('plugin', plugin, `${plugin} is disabled`, `docker plugin enable ${plugin}`)];
  }
  return [ok('plugin', plugin, `${plugin} is enabled`)];
}

function checkSocket({ socket, plugin, engine }: Facts): Finding {
  const { path, state, mode, owner, words } = socket;
  const restart =
    plugin === undefined
      ? 'systemctl restart vlandhcp'
      : `docker plugin disable -f ${plugin} && docker plugin enable ${plugin}`;
  const say = (text: string, mend: string) => fail('socket', path, text, mend);
  switch (state) {
    case 'forbidden':
      return say('this user may not ask the plugin', 'sudo docker vlandhcp doctor');
    case 'missing': {
      const isOff = engine.plugins.some(({ name, isEnabled }) => name === plugin && !isEnabled);
      return say('there is no admin socket, because the plugin does not run or is an old version', isOff ? `docker plugin enable ${String(plugin)}` : restart); // prettier-ignore
    }
    case 'deaf':
      return say('the socket is there, and nobody listens: the plugin has ended', restart);
    case 'silent':
      return say(`the plugin does not answer: ${words ?? 'no word'}`, 'docker vlandhcp logs');
    case 'open':
      break;
  }
  if (mode !== undefined && (mode & 0o077) !== 0) {
    const text = `the mode of the admin socket is ${(mode & 0o777).toString(8)}: users other than root can give leases back`;
    return fail('socket', path, text, `chmod 600 ${path}`);
  }
  if (owner !== undefined && owner !== 0) {
    const text = `the admin socket belongs to user ${owner}, who can give leases back`;
    return fail('socket', path, text, `chown root:root ${path}`);
  }
  return ok('socket', path, 'the plugin answers on its admin socket, and root alone may ask');
}

/** Networks keep the name of their driver for life. */
function checkNames({ networks, engine }: Facts): Finding[] {
  const gone = networks.filter(
    ({ driver }) => driver.includes(':') && !engine.plugins.some(({ name }) => name === driver),
  );
  return gone.map(
    ({ name, driver }) =>
    fail('names', name, `network ${name} belongs to plugin ${driver}, which is not installed`, `install it under that name, or: docker network rm ${name}`), // prettier-ignore
  );
}

/** Docker's endpoints against those of the plugin, and leases that are lost. */
export function checkContainers({ networks, own, engine }: Facts): Finding[] {
  if (own === undefined || engine.version === undefined) return [];
  const findings = networks.flatMap(({ id, name, containers, isOfSwarm }) => {
    if (!own.networks.some(({ network }) => network === id)) {
      if (isOfSwarm && containers.size === 0) return [];
      const text = `Docker has network ${name}, and the plugin has no record of it`;
      return [fail('records', name, text, `docker network rm ${name}, and make it again`)];
    }
    const leases = own.leases.filter(({ network, holder }) => network === id && holder === 'container'); // prettier-ignore
    const unknown = [...containers].filter(
      ([endpoint]) => !leases.some((lease) => lease.endpoint === endpoint),
    );
    const lost = leases.filter(({ state }) => state.startsWith('no lease'));
    return [
      ...unknown.map(
        ([, container]) =>
        fail('records', name, `Docker has container ${container} on ${name}, and the plugin has no record of it`, `docker network disconnect -f ${name} ${container} && docker network connect ${name} ${container}`), // prettier-ignore
      ),
      ...lost.map(({ endpoint, mac, lost: why }) => {
        const container = containers.get(endpoint) ?? mac;
        const text = `container ${container} on ${name} has no lease (${why?.cause ?? 'unknown'})`;
        return warn('leases', name, text, `docker vlandhcp lease ${container}`);
      }),
    ];
  });
  if (findings.length > 0) return findings;
  const count = networks.reduce((sum, { containers }) => sum + containers.size, 0);
  const text = `${networks.length} networks and ${count} running containers: Docker and the plugin agree`;
  return [ok('records', 'host', text)];
}
