/** The machines of IPv6, as `MachineRunner` takes them. */
import {
  initialState,
  nextDeadline,
  step,
  type Effect,
  type Env,
  type Event,
  type State,
} from '../../dhcp6/client/client.ts';
import {
  initialInformationState,
  nextInformationDeadline,
  stepInformation,
  type InformationEffect,
  type InformationEvent,
  type InformationState,
} from '../../dhcp6/client/information.ts';
import {
  initialDuplicateState,
  nextDuplicateDeadline,
  stepDuplicate,
  type DuplicateEffect,
  type DuplicateEnv,
  type DuplicateEvent,
  type DuplicateState,
} from '../../ndp/duplicate.ts';
import {
  initialSolicitationState,
  nextSolicitationDeadline,
  stepSolicitation,
  type SolicitationEffect,
  type SolicitationEnv,
  type SolicitationEvent,
  type SolicitationState,
} from '../../ndp/solicitation.ts';
import type { Clock } from '../../clock.ts';
import { MachineRunner, type Machine } from '../../runtime/machine-runner.ts';
import type { Mac } from '../../wire/address.ts';

export const DHCP6: Machine<State, Event, Effect, Env> = {
  initial: initialState,
  step,
  nextDeadline,
};

export const INFORMATION: Machine<InformationState, InformationEvent, InformationEffect, Env> = {
  initial: initialInformationState,
  step: stepInformation,
  nextDeadline: nextInformationDeadline,
};

export const DUPLICATE: Machine<DuplicateState, DuplicateEvent, DuplicateEffect, DuplicateEnv> = {
  initial: initialDuplicateState,
  step: stepDuplicate,
  nextDeadline: nextDuplicateDeadline,
};

const SOLICITATION: Machine<
  SolicitationState,
  SolicitationEvent,
  SolicitationEffect,
  SolicitationEnv
> = {
  initial: initialSolicitationState,
  step: stepSolicitation,
  nextDeadline: nextSolicitationDeadline,
};

export type SolicitationRunner = ReturnType<typeof solicitationOf>;

export function solicitationOf(
  clock: Clock,
  mac: Mac,
  perform: (effect: SolicitationEffect) => void,
) {
  return new MachineRunner(SOLICITATION, {
    ...{ clock, perform },
    env: (now) => ({ now, config: { mac } }),
  });
}
