/** What happened to the uplinks of this host, in sentences for people. */
import { commonSentence } from '../watch/common-events.ts';
import type { UplinkEvent } from '../watch/uplink-events.ts';
import { ago, vlanWords } from './words.ts';

/** One sentence, for people. */
export function uplinkSentence(event: UplinkEvent): string {
  switch (event.type) {
    case 'uplink.joined': {
      const { site, name, address, vlans, held } = event;
      const next = held ? 'An operator must approve it.' : `It has VLANs ${vlanWords(vlans)}.`;
      return `This host joined "${site}" as ${name}, ${address}. ${next}`;
    }
    case 'uplink.join-failed':
      return `The join failed: ${event.message}`;
    case 'uplink.approved':
      return `The hub of "${event.site}" approved this host.`;
    case 'uplink.silent':
      return `The hub of "${event.site}" has not answered for 10 s.`;
    case 'uplink.back':
      return `The hub of "${event.site}" answers again, after ${ago(event.silentMs)}.`;
    case 'uplink.revoked':
      return `The hub of "${event.site}" has revoked this host.`;
    case 'uplink.left':
      return `This host has left "${event.site}".`;
    case 'carrier.up':
      return `The carrier of ${event.uplink} is on.`;
    case 'carrier.down':
      return `The carrier of ${event.uplink} is off, so nothing passes.`;
    case 'way.changed':
      return `The uplink speaks by ${event.way} now.`;
    case 'vlans.changed':
      return `The VLANs are ${vlanWords(event.vlans)} now. They were ${vlanWords(event.before)}.`;
    case 'key.changed':
      return `The uplink has a new key, ${event.fingerprint}.`;
    case 'management.on':
      return `"${event.site}" may manage Docker of this host.`;
    case 'management.off':
      return `"${event.site}" may not manage Docker of this host any more.`;
    case 'links.repaired':
      return `A link or the rules of ${event.uplink} were missing. They were made again.`;
    case 'trouble':
    case 'service.started':
    case 'service.stopped':
      return commonSentence(event);
  }
}
