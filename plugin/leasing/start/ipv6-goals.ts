/** Who waits for a container's first IPv6, and for how much of it. */

/**
 * `answered`: there is an address, or will be none soon. `settled`: all that the routers offer is
 * there, or will not come. `complete`: it is there, and an address is among it.
 */
export type Ipv6Goal = 'answered' | 'settled' | 'complete';

export interface Ipv6Progress {
  readonly hasAddress: boolean;
  readonly isSettled: boolean;
}

export class Ipv6Goals {
  readonly #progress: () => Ipv6Progress;
  #waiting: { readonly goal: Ipv6Goal; readonly resolve: () => void }[] = [];

  constructor(progress: () => Ipv6Progress) {
    this.#progress = progress;
  }

  /** Resolves when that is reached, and when nothing more comes. The caller looks at once. */
  reached(goal: Ipv6Goal): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ goal, resolve }));
  }

  /** Something has changed. After the start nobody waits, and nothing is worked out. */
  look(): void {
    if (this.#waiting.length === 0) return;
    const progress = this.#progress();
    this.#end((goal) => isReached(goal, progress));
  }

  /** The client ends. */
  giveUp(): void {
    this.#end(() => true);
  }

  #end(isOver: (goal: Ipv6Goal) => boolean): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ goal }) => !isOver(goal));
    for (const { goal, resolve } of waiting) if (isOver(goal)) resolve();
  }
}

function isReached(goal: Ipv6Goal, { hasAddress, isSettled }: Ipv6Progress): boolean {
  switch (goal) {
    case 'answered':
      return hasAddress || isSettled;
    case 'settled':
      return isSettled;
    case 'complete':
      return hasAddress && isSettled;
  }
}
