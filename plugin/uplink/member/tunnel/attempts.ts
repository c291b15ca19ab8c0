/**
 * By which way an attempt to reach the hub goes (pure). Even attempts are by UDP, to the addresses
 * of the hub in turn. Odd ones are by the stream: TLS, or ssh. So a number means the same for ever.
 */

/**
 * `none`: UDP alone. `also`: UDP, and a stream where UDP is blocked. `only`: a person has chosen
 * the stream.
 */
export type Streams = 'none' | 'also' | 'only';

export interface WaysSeen {
  readonly streams: Streams;
  /** True if the hub's end of the stream is there. */
  readonly isStreamOpen: boolean;
  /** True if it could not be opened the last time. */
  readonly hasStreamFailed: boolean;
}

export function isByStream(attempt: number): boolean {
  return attempt % 2 === 1;
}

/** Which address of the hub it is, if it is by UDP: all in turn. */
export function addressOf(attempt: number): number {
  return Math.floor(attempt / 2);
}

export function firstAttempt({ streams }: WaysSeen, wasByStream: boolean): number {
  return streams === 'only' || (streams === 'also' && wasByStream) ? 1 : 0;
}

/** UDP and the stream take turns. A stream that is not open is not tried. */
export function nextAttempt(attempt: number, { streams, isStreamOpen }: WaysSeen): number {
  if (streams === 'only') return attempt + (isByStream(attempt) ? 2 : 1);
  if (isByStream(attempt)) return attempt + 1;
  return attempt + (streams === 'also' && isStreamOpen ? 1 : 2);
}
