/**
 * The mark of frames that the plugin itself sends for containers from a link of the host. A filter
 * of ours lets them pass whatever their MAC is. It is another one for each run of the plugin, so
 * that a container cannot know it.
 */
import { randomInt } from 'node:crypto';

export const OWN_MARK = randomInt(1, 2 ** 31);
