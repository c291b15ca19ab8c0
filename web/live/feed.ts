/**
 * The plugin's events, as they happen (server-sent events). After each loss of the connection the
 * feed begins anew with all that the plugin has kept: after a restart its numbers may be others.
 */
import type { RecordedEvent } from '../../plugin/events/events.ts';
import { SHOWN_TYPES } from '../model/events.ts';

export interface FeedHandlers {
  /** @param isFirst true: these replace all events of before. */
  readonly onEvents: (events: readonly RecordedEvent[], isFirst: boolean) => void;
  readonly onConnected: (isConnected: boolean) => void;
}

/** The past comes as thousands of messages. They are handed on together. */
const GATHERED_MS = 50;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 10_000;

/** @returns a function that ends it. */
export function followEvents({ onEvents, onConnected }: FeedHandlers): () => void {
  let source: EventSource | undefined;
  let waiting: RecordedEvent[] = [];
  let timer: number | undefined;
  let retryTimer: number | undefined;
  let retryMs = FIRST_RETRY_MS;
  let isFirst = true;

  const flush = (): void => {
    timer = undefined;
    const events = waiting;
    waiting = [];
    onEvents(events, isFirst);
    isFirst = false;
  };
  const connect = (): void => {
    isFirst = true;
    waiting = [];
    source = new EventSource(`/v1/events?follow=true&type=${SHOWN_TYPES.join(',')}`);
    source.onopen = () => {
      retryMs = FIRST_RETRY_MS;
      onConnected(true);
      timer ??= window.setTimeout(flush, GATHERED_MS);
    };
    source.onmessage = ({ data }: MessageEvent<string>) => {
      waiting.push(JSON.parse(data) as RecordedEvent);
      timer ??= window.setTimeout(flush, GATHERED_MS);
    };
    source.onerror = () => {
      source?.close();
      window.clearTimeout(timer);
      timer = undefined;
      onConnected(false);
      retryTimer = window.setTimeout(connect, retryMs);
      retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2);
    };
  };
  connect();
  return () => {
    source?.close();
    window.clearTimeout(timer);
    window.clearTimeout(retryTimer);
  };
}
