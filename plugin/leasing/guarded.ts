/**
 * Keeps a failure inside one client (D17). Every callback of a timer or a socket runs under the
 * guard of its client. A thrown error ends that client. The process and the other clients go on.
 */
import type { Clock } from '../clock.ts';
import type { OpenArpSocket } from './segment/conflict-watch.ts';
import type { OpenSocket } from './sockets/frame-socket.ts';

/** Runs `work`. Never throws. */
export type Guard = (work: () => void) => void;

export function guardedClock(clock: Clock, guard: Guard): Clock {
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
    bootId: clock.bootId,
    at: (instant, fn) => clock.at(instant, () => guard(fn)),
  };
}

export function guardedOpenSocket(open: OpenSocket, guard: Guard): OpenSocket {
  return (place, mac, handlers) =>
    open(place, mac, {
      onFrame: (frame, info) => guard(() => handlers.onFrame(frame, info)),
      onError: (error) => guard(() => handlers.onError(error)),
      onTrouble: (error) => guard(() => handlers.onTrouble?.(error)),
    });
}

export function guardedOpenArpSocket(open: OpenArpSocket, guard: Guard): OpenArpSocket {
  return (place, own, handlers) =>
    open(place, own, {
      onFrame: (frame) => guard(() => handlers.onFrame(frame)),
      onError: (error) => guard(() => handlers.onError(error)),
    });
}
