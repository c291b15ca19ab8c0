/**
 * Sends frames of many clients from one link of the host. Each link has one socket. It hears
 * nothing.
 */
import { closeSync } from 'node:fs';
import { PluginError } from '../../vocabulary/errors.ts';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { sendBytes, SystemCallError } from '../libc.ts';
import { bindTo, NO_PROTOCOL, openRawSocket } from './raw-socket.ts';

interface Sender {
  readonly fd: number;
  /** The index of the link. Another link may have the name by now. */
  readonly index: number;
}

/**
 * Senders by the name of their link. Their number is limited by the bridges that networks have had
 * since the start.
 */
const senders = new Map<string, Sender>();

/** @throws PluginError SOCKET_FAILED if the link is not there, or is down. */
export function sendFromLink(link: string, frame: Uint8Array): void {
  try {
    sendBytes(senderOn(link).fd, frame);
  } catch (cause) {
    if (!(cause instanceof SystemCallError)) throw cause;
    throw new PluginError('SOCKET_FAILED', `cannot send on link ${link}: ${cause.message}`, {
      cause,
      evidence: { link, errno: cause.code },
    });
  }
}

function senderOn(link: string): Sender {
  const index = findLinkIndex(link);
  const present = senders.get(link);
  if (present !== undefined && present.index === index) return present;
  if (present !== undefined) closeSync(present.fd);
  senders.delete(link);
  if (index === undefined) {
    throw new PluginError('SOCKET_FAILED', `cannot send on link ${link}: it is not there`);
  }
  const fd = openRawSocket();
  try {
    bindTo(fd, index, NO_PROTOCOL);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const made = { fd, index };
  senders.set(link, made);
  return made;
}
