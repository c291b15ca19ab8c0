/**
 * INIT-REBOOT and REBOOTING (RFC 2131 §3.2): asks whether an earlier lease is still valid, and
 * decides what no answer means. The other arrows are in client-transitions.ts.
 */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Lease } from '../../vocabulary/lease.ts';
import { broadcast } from './client-effects.ts';
import { newExchange, resendAt, resent } from './client-exchange.ts';
import { enterByLeaseTimes } from './client-transitions.ts';
import type { Effect, Env, Exchange, Memory, StateOf, Step } from './client-types.ts';
import { buildInitRebootRequest } from '../requests.ts';

/**
 * No answer in REBOOTING is normal: a server that does not know the lease need not answer (RFC 2131
 * §4.3.2). A starting container waits for the answers to two or three REQUESTs.
 */
const REBOOTING_PATIENCE = { 'container-start': 3_000, rfc2131: 10_000 } as const;

/**
 * If a lease was taken up without an answer, servers are asked about it for this long. After that
 * T1 decides.
 */
const CONFIRMING: Ms = 600_000;

export function enterInitReboot(
  memory: Memory,
  lease: Lease,
  inUse: boolean,
  startAt: Instant,
): Step {
  return { state: { name: 'INIT-REBOOT', memory, lease, inUse, startAt }, effects: [] };
}

/** @param patience the longest wait, if it is shorter than usual. */
export function enterRebooting(
  memory: Memory,
  lease: Lease,
  inUse: boolean,
  env: Env,
  patience: Ms = Infinity,
): Step {
  const giveUpAt = env.now + Math.min(patience, REBOOTING_PATIENCE[env.config.retransmit]);
  const exchange = newExchange(env);
  return sendInitRebootRequest(
    { name: 'REBOOTING', memory, lease, inUse, exchange, giveUpAt, isDoubted: false },
    env,
  );
}

/**
 * The next REQUEST in REBOOTING. If the lease is in use, each REQUEST is an exchange of its own:
 * they go on for minutes, and a lease counts from the start of its exchange.
 */
export function askedAgain({ inUse, exchange }: StateOf<'REBOOTING'>, env: Env): Exchange {
  return inUse ? { ...newExchange(env), attempt: exchange.attempt + 1 } : resent(exchange, env);
}

/**
 * No server answered, and the lease has not ended, so it may be used (RFC 2131 §3.2 step 3). So
 * containers come back while the DHCP server is down. Servers are asked until one answers or T1
 * comes.
 */
export function useUnconfirmed(state: StateOf<'REBOOTING'>, env: Env): Step {
  const { memory, lease } = state;
  const acquired: Effect = { type: 'lease', change: 'acquired', lease };
  const check: Effect = { type: 'check', address: lease.address };
  const giveUpAt = Math.min(lease.t1At, env.now + CONFIRMING);
  const next =
    giveUpAt > env.now
      ? sendInitRebootRequest(
          { ...state, inUse: true, exchange: askedAgain(state, env), giveUpAt },
          env,
        )
      : enterByLeaseTimes(memory, lease, env);
  return {
    state: next.state,
    effects: [acquired, ...(env.config.acd ? [check] : []), ...next.effects],
  };
}

export function sendInitRebootRequest(
  state: Omit<StateOf<'REBOOTING'>, 'resendAt'>,
  env: Env,
): Step {
  const message = buildInitRebootRequest(env.config, state.exchange, state.lease.address);
  return {
    state: { ...state, resendAt: resendAt(state.memory, state.exchange, env) },
    effects: [broadcast(message)],
  };
}
