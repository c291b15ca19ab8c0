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
import type { Machine } from '../../runtime/machine-runner.ts';

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

export const SOLICITATION: Machine<
  SolicitationState,
  SolicitationEvent,
  SolicitationEffect,
  SolicitationEnv
> = {
  initial: initialSolicitationState,
  step: stepSolicitation,
  nextDeadline: nextSolicitationDeadline,
};
