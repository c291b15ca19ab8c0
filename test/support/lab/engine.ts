/**
 * The Docker Engine API, for the steps around the docker commands that a test is about. In a lab
 * machine a docker command needs half a second, and a request some milliseconds.
 */
import { post } from './unix-http.ts';

const SOCKET = '/run/docker.sock';
/** Every engine has these networks. Docker refuses to remove them. */
const BUILT_IN = ['bridge', 'host', 'none'];

/**
 * @throws Error with the engine's own words, if it refuses. Removing what is gone already is no
 * error.
 */
async function engine(
  method: string,
  path: string,
  socket = SOCKET,
  body?: object,
): Promise<unknown> {
  const { status, text } = await post(socket, path, body && JSON.stringify(body), {
    method,
    headers: { Host: 'docker', Accept: 'application/json', 'Content-Type': 'application/json' },
  });
  if (status >= 400 && !(method === 'DELETE' && status === 404))
    throw new Error(`engine: ${method} ${path}: ${status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

/** The answer of `docker inspect` for one container. */
export async function inspectContainer(name: string): Promise<ContainerInspect> {
  return (await engine('GET', `/containers/${name}/json`)) as ContainerInspect;
}

/** `docker run -d` of the lab's image. @throws Error with the engine's own words. */
export async function startContainer(name: string, network: string): Promise<void> {
  const wanted = { Image: 'bb', HostConfig: { NetworkMode: network } };
  await engine('POST', `/containers/create?name=${name}`, SOCKET, wanted);
  await engine('POST', `/containers/${name}/start`);
}

/** `docker rm -f`. */
export async function removeContainer(name: string): Promise<void> {
  await engine('DELETE', `/containers/${name}?force=1`);
}

export interface ContainerSummary {
  readonly Id: string;
  readonly NetworkSettings: Pick<ContainerInspect['NetworkSettings'], 'Networks'>;
}

/** The running containers with a label. @param socket that of an engine on another node. */
export async function containersWith(
  label: string,
  socket = SOCKET,
): Promise<readonly ContainerSummary[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const path = `/containers/json?filters=${filters}`;
  return (await engine('GET', path, socket)) as readonly ContainerSummary[];
}

export interface ContainerInspect {
  readonly State: { readonly Running: boolean; readonly Pid: number };
  readonly NetworkSettings: {
    readonly SandboxKey: string;
    readonly Networks: Readonly<
      Record<
        string,
        {
          readonly IPAddress: string;
          readonly IPPrefixLen: number;
          readonly Gateway: string;
          readonly GlobalIPv6Address: string;
          readonly MacAddress: string;
        }
      >
    >;
  };
}

/**
 * `docker rm -f` for every container, then `docker network rm` for every network that the engine
 * did not make itself.
 */
export async function removeAllContainersAndNetworks(): Promise<void> {
  const containers = (await engine('GET', '/containers/json?all=1')) as readonly { Id: string }[];
  await Promise.all(containers.map(({ Id }) => engine('DELETE', `/containers/${Id}?force=1`)));
  const networks = (await engine('GET', '/networks')) as readonly { Id: string; Name: string }[];
  for (const { Id, Name } of networks) {
    if (!BUILT_IN.includes(Name)) await engine('DELETE', `/networks/${Id}`);
  }
}
