/**
 * Keeps a failure inside one client (D17): whatever a timer or a socket calls back for it runs under its guard. A thrown
 * error ends that client, and neither the process nor the turn of those that come after it.
 */
import type { Clock } from '../clock.ts';
import type { OpenArpSocket } from './segment/conflict-watch.ts';
import type { OpenSocket } from './sockets/frame-socket.ts';

/** Runs `work`; never throws. */
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
