/**
 * The registrar: which request of a member gets which answer. It listens on the hub's address in
 * the tunnel only (U6), so that nobody without a key can connect. A member can touch nothing but
 * itself: no request names a member.
 */
import type { Server } from 'node:http';
import * as v from 'valibot';
import { createJsonServer, type JsonCall } from '../../uplink/json-http.ts';
import {
  joinRequest,
  keyRequest,
  LONGEST_REQUEST,
  pathRequest,
} from '../../uplink/protocol/registrar-protocol.ts';
import { certificateRequest } from '../../uplink/protocol/manage-protocol.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { failure, type Answer, type HubAnswers } from './hub-answers.ts';

/** What the registrar needs of the hub. */
type Answers = Pick<HubAnswers, 'admit' | 'self' | 'leave' | 'rotate' | 'path' | 'others'> & {
  readonly manage?: {
    certify(from: string, request: string): Promise<Answer>;
    withdraw(from: string): Promise<Answer>;
  };
};

const LIMITS = { longestBody: LONGEST_REQUEST, mostConnections: 1_024, mostFromOne: 8 };

/** @param onAnswer told of each call and its answer. */
export function createRegistrar(
  hub: Answers,
  onFailure: (error: unknown) => void,
  onAnswer: (call: JsonCall, answer: Answer) => void = () => undefined,
): Server {
  const told = async (call: JsonCall): Promise<Answer> => {
    const answer = await answerTo(hub, call);
    onAnswer(call, answer);
    return answer;
  };
  return createJsonServer(told, LIMITS, onFailure);
}

/** A disk that is full and a kernel that refuses are told; the member asks again. */
async function answerTo(hub: Answers, call: JsonCall): Promise<Answer> {
  try {
    return await route(hub, call);
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    return failure(503, `the hub cannot do this now: ${error.message}`);
  }
}

async function route(hub: Answers, call: JsonCall): Promise<Answer> {
  const { method, path, query, body, from, gone } = call;
  switch (`${method} ${path}`) {
    case 'POST /v1/members': {
      const asked = v.safeParse(joinRequest, body);
      return asked.success ? hub.admit(from, asked.output) : misfit(asked.issues[0]);
    }
    case 'GET /v1/members':
      return hub.others(from);
    case 'GET /v1/self': {
      const revision = query.get('revision');
      if (revision !== null && !/^\d{1,15}$/.test(revision)) {
        return failure(400, 'revision is not a number');
      }
      return hub.self(from, revision === null ? undefined : Number(revision), gone);
    }
    case 'DELETE /v1/self':
      return hub.leave(from);
    case 'PUT /v1/self/key': {
      const asked = v.safeParse(keyRequest, body);
      return asked.success ? hub.rotate(from, asked.output.key) : misfit(asked.issues[0]);
    }
    case 'PUT /v1/self/path': {
      const asked = v.safeParse(pathRequest, body);
      return asked.success ? hub.path(from, asked.output.mtu) : misfit(asked.issues[0]);
    }
    case 'PUT /v1/self/request': {
      const asked = v.safeParse(certificateRequest, body);
      if (!asked.success) return misfit(asked.issues[0]);
      return hub.manage?.certify(from, asked.output.request) ?? unknown();
    }
    case 'DELETE /v1/self/request':
      return hub.manage?.withdraw(from) ?? unknown();
    default:
      return unknown();
  }
}

function unknown(): Answer {
  return failure(404, 'the registrar has no such call; its protocol has version 1');
}

function misfit(issue: v.BaseIssue<unknown>): Answer {
  const field = v.getDotPath(issue) ?? 'the body';
  return failure(
    400,
    field === 'version'
      ? 'the registrar speaks version 1 of its protocol'
      : `${field} is missing or wrong`,
  );
}
