/** Asks the hub's registrar, inside the tunnel, and sends the word that the hub sends back. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import * as v from 'valibot';
import { REGISTRAR_PORT } from '../desired.ts';
import { askJson } from '../json-http.ts';
import {
  HELD_MS,
  LONGEST_ANSWER,
  memberView,
  refusal,
  type JoinRequest,
  type MemberView,
  type Refusal,
} from '../protocol/registrar-protocol.ts';
import type { WgKey } from '../wireguard-key.ts';

/** From which address in the tunnel to which. */
export interface Way {
  readonly own: string;
  readonly hub: string;
}

export type Reply =
  | { readonly is: 'view'; readonly view: MemberView }
  | ({ readonly is: 'refused'; readonly status: number } & Refusal)
  | { readonly is: 'none' };

/** What a member needs of it. */
export interface RegistrarClient {
  post(way: Way, request: JoinRequest, signal: AbortSignal): Promise<Reply>;
  ask(way: Way, revision: number | undefined, signal: AbortSignal): Promise<Reply>;
  /** True if the hub took it. */
  leave(way: Way): Promise<boolean>;
  putKey(way: Way, key: WgKey): Promise<boolean>;
  /** False if it is to be told again. A hub that knows no such call is told nothing. */
  putPath(way: Way, mtu: number): Promise<boolean>;
  openWord(onWord: (roundTripMs: number) => void): WordSocket;
}

export interface WordSocket {
  /** A word that cannot be sent is one that is not answered. */
  say(hub: string): void;
  close(): void;
}

/** Twice within the time for one address of the hub. */
const POST_MS = 2_000;
const SHORT_MS = 4_000;
/** The hub holds a question; the way there and back comes on top. */
const ASK_MS = HELD_MS + 5_000;

export const registrarClient: RegistrarClient = {
  post: (way, request, signal) =>
    replyTo(way, { method: 'POST', path: '/v1/members' }, request, limit(POST_MS, signal)),

  ask(way, revision, signal) {
    const path = revision === undefined ? '/v1/self' : `/v1/self?revision=${revision}`;
    return replyTo(way, { method: 'GET', path }, undefined, limit(ASK_MS, signal));
  },

  leave: (way) => isDone(way, { method: 'DELETE', path: '/v1/self' }, undefined),
  putKey: (way, key) => isDone(way, { method: 'PUT', path: '/v1/self/key' }, { key }),

  async putPath(way, mtu) {
    const question = { method: 'PUT', path: '/v1/self/path' };
    const answer = await asked(way, question, { mtu }, AbortSignal.timeout(SHORT_MS));
    return answer?.status === 204 || answer?.status === 404;
  },

  openWord(onWord) {
    const socket = createSocket('udp4');
    const secret = randomBytes(16).toString('hex');
    let sentAt = 0;
    let number = 0;
    socket.on('error', () => undefined);
    socket.on('message', (message) => {
      // Only the last word has a round trip, but each is a sign of life.
      const [said, serial] = message.toString('latin1').split(' ');
      if (said !== secret) return;
      onWord(Number(serial) === number ? performance.now() - sentAt : NaN);
    });
    socket.unref();
    return {
      say(hub) {
        number += 1;
        sentAt = performance.now();
        socket.send(`${secret} ${number}`, REGISTRAR_PORT, hub, () => undefined);
      },
      close: () => void socket.close(),
    };
  },
};

type Question = { readonly method: string; readonly path: string };

async function replyTo(
  way: Way,
  question: Question,
  body: object | undefined,
  signal: AbortSignal,
): Promise<Reply> {
  const answer = await asked(way, question, body, signal);
  if (answer === undefined) return { is: 'none' };
  const view = v.safeParse(memberView, answer.body);
  if (answer.status === 200 && view.success) return { is: 'view', view: view.output };
  const why = v.safeParse(refusal, answer.body);
  const status = answer.status === 200 ? 502 : answer.status;
  const said = why.success ? why.output : { error: 'the hub answered what makes no sense' };
  return { is: 'refused', status, ...said };
}

async function isDone(way: Way, question: Question, body: object | undefined): Promise<boolean> {
  const answer = await asked(way, question, body, AbortSignal.timeout(SHORT_MS));
  return answer?.status === 204;
}

/** Undefined if nobody answered. */
async function asked(
  { own, hub }: Way,
  question: Question,
  body: object | undefined,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: unknown } | undefined> {
  const to = { host: hub, port: REGISTRAR_PORT, localAddress: own };
  try {
    return await askJson({ ...to, ...question, signal }, body, LONGEST_ANSWER);
  } catch {
    return undefined;
  }
}

function limit(ms: number, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
}
