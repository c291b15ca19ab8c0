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
import type { Machine, MachineRunner } from '../machine-runner.ts';

export type Dhcp6Runner = MachineRunner<State, Event, Effect, Env>;
export const DHCP6: Machine<State, Event, Effect, Env> = {
  initial: initialState,
  step,
  nextDeadline,
};

export type InformationRunner = MachineRunner<
  InformationState,
  InformationEvent,
  InformationEffect,
  Env
>;
export const INFORMATION: Machine<InformationState, InformationEvent, InformationEffect, Env> = {
  initial: initialInformationState,
  step: stepInformation,
  nextDeadline: nextInformationDeadline,
};

export type DuplicateRunner = MachineRunner<
  DuplicateState,
  DuplicateEvent,
  DuplicateEffect,
  DuplicateEnv
>;
export const DUPLICATE: Machine<DuplicateState, DuplicateEvent, DuplicateEffect, DuplicateEnv> = {
  initial: initialDuplicateState,
  step: stepDuplicate,
  nextDeadline: nextDuplicateDeadline,
};

export type SolicitationRunner = MachineRunner<
  SolicitationState,
  SolicitationEvent,
  SolicitationEffect,
  SolicitationEnv
>;
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
