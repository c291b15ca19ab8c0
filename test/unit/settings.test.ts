import { describe, expect, it } from 'vitest';
import { LOG_LEVELS, parseSettings } from '../../plugin/settings.ts';

describe('settings', () => {
  it('a plain service uses the paths of a host', () => {
    expect(parseSettings([], {})).toEqual({
      managed: false,
      logLevel: 'info',
      stateDir: '/var/lib/vlandhcp',
      sockets: ['/run/docker/plugins/vlandhcp.sock'],
      adminSocket: '/run/docker/plugins/vlandhcp/admin.sock',
      eventsKept: 5000,
      dockerRunDir: '/run/docker',
      joinTimeoutMs: 120_000,
      requiresMacAddress: true,
    });
  });

  it('a managed plugin serves its own socket and the one by which -d vlandhcp is found (libnetwork.md §6)', () => {
    expect(parseSettings(['--managed'], {})).toMatchObject({
      managed: true,
      stateDir: '/state',
      sockets: ['/run/docker/plugins/vlandhcp.sock', '/host/docker/plugins/vlandhcp.sock'],
      adminSocket: '/run/docker/plugins/admin.sock',
      dockerRunDir: '/host/docker',
    });
  });

  it('an empty value counts as unset: docker plugin set KEY= gives one', () => {
    const empty = {
      LOG_LEVEL: '',
      STATE_DIR: '',
      SOCKET: '',
      ADMIN_SOCKET: '',
      EVENTS_KEPT: '',
      DOCKER_RUN_DIR: '',
      JOIN_TIMEOUT: '',
    };
    expect(parseSettings(['--managed'], empty)).toEqual(parseSettings(['--managed'], {}));
  });

  it('each value is taken over', () => {
    const env = {
      LOG_LEVEL: 'debug',
      STATE_DIR: '/s',
      SOCKET: '/k.sock',
      ADMIN_SOCKET: '/a.sock',
      EVENTS_KEPT: '200',
      DOCKER_RUN_DIR: '/d',
      JOIN_TIMEOUT: '30',
      IPAM_REQUIRE_MAC: 'false',
      UNRELATED: 'x',
    };
    expect(parseSettings([], env)).toEqual({
      managed: false,
      logLevel: 'debug',
      stateDir: '/s',
      sockets: ['/k.sock'],
      adminSocket: '/a.sock',
      eventsKept: 200,
      dockerRunDir: '/d',
      joinTimeoutMs: 30_000,
      requiresMacAddress: false,
    });
  });

  it.each(LOG_LEVELS)('LOG_LEVEL=%s is known', (level) => {
    expect(parseSettings([], { LOG_LEVEL: level }).logLevel).toBe(level);
  });

  it.each(['0', '-1', 'abc', '1.5', '100000', '30s', ' 30'])(
    'JOIN_TIMEOUT=%j is refused',
    (text) => {
      expect(() => parseSettings([], { JOIN_TIMEOUT: text })).toThrow(
        'is not a number of seconds from 1 to 99999',
      );
    },
  );

  it('all mistakes are in one sentence, each with the value', () => {
    const env = {
      LOG_LEVEL: 'loud',
      STATE_DIR: 'state',
      SOCKET: 'a.sock',
      DOCKER_RUN_DIR: './run',
      JOIN_TIMEOUT: 'x',
    };
    expect(() => parseSettings(['--manage'], env)).toThrow(
      expect.objectContaining({
        code: 'INVALID_OPTION',
        message: [
          'unknown argument "--manage"',
          `LOG_LEVEL=loud is not one of ${LOG_LEVELS.join(', ')}`,
          'JOIN_TIMEOUT=x is not a number of seconds from 1 to 99999',
          'STATE_DIR=state is not an absolute path',
          'SOCKET=a.sock is not an absolute path',
          'DOCKER_RUN_DIR=./run is not an absolute path',
        ].join('; '),
      }),
    );
  });
});
