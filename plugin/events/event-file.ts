/** The history of the plugin's events on disk. */
import { HistoryFile, type HistoryFileDeps } from '../runtime/history/history-file.ts';
import { EVENT_TYPES, type PluginEvent } from './events.ts';

/** What readers take for a text without a look. */
const TEXTS = [
  ...['network', 'endpoint', 'mac', 'segment', 'link', 'address', 'before', 'server', 'by'],
  ...['cause', 'message', 'reason', 'text', 'call', 'error', 'version', 'mode', 'level'],
];

export class EventFile extends HistoryFile<PluginEvent> {
  constructor(folder: string, deps: Omit<HistoryFileDeps, 'rule'>) {
    super(folder, { ...deps, rule: { types: EVENT_TYPES, texts: TEXTS } });
  }
}
