/** What every command is given. */
import type { AdminClient } from '../admin-client.ts';
import type { RunDocker } from '../docker.ts';
import type { EXIT } from '../errors.ts';
import type { Colors } from '../views/lease-rows.ts';

export interface Surroundings {
  readonly admin: AdminClient;
  /** The path of the plugin's admin socket. */
  readonly socket: string;
  /** The name of the managed plugin. Undefined for the service. */
  readonly plugin: string | undefined;
  readonly docker: RunDocker;
  readonly colors: Colors;
  /** Writes a line to standard output. */
  readonly print: (text: string) => void;
  /** Writes how far a long command is, if a person sees it. */
  readonly tell: (text: string) => void;
  /** Writes bytes to standard output. */
  readonly write: (bytes: Uint8Array) => void;
  /** Writes a line to standard error. */
  readonly warn: (text: string) => void;
  /** True if a person reads standard output on a terminal. */
  readonly isTerminal: boolean;
  readonly now: () => number;
  /** How long `renew` waits. A server that is there answers within milliseconds. */
  readonly answerWithinMs: number;
  /** Aborted when the person wants no more. */
  readonly ended: AbortSignal;
  readonly version: string;
  readonly kernel: string;
}

export type Exit = (typeof EXIT)[keyof typeof EXIT];
