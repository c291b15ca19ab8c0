/**
 * Reads the JSON of dockerd's requests, field by field. The fields that are read must have the
 * right type. Other fields are ignored, because Docker adds fields between versions. Absent and
 * null count as empty, because Go's JSON writes nil as null.
 */
import { PluginError } from '../vocabulary/errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * dockerd's requests have four levels. Code that walks over values, such as JSON.stringify, has a
 * stack for thousands of levels.
 */
const DEEPEST = 32;

/**
 * @param body the raw text of the request.
 * @throws PluginError INVALID_REQUEST. After a broken connection dockerd retries with an empty
 * body. That retry must be refused, and must change nothing.
 */
export function parseBody(body: string): JsonObject {
  if (body.trim() === '') {
    throw invalid(
      'the request has no body: it is a retry of a call whose connection broke; try again',
    );
  }
  if (isTooDeep(body)) {
    throw invalid(`the request is nested more than ${DEEPEST} levels deep; Docker's have four`);
  }
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    throw invalid(
      `the request is not JSON: ${error instanceof Error ? error.message : 'unreadable'}`,
    );
  }
  if (!isObject(value)) throw invalid('the request is not a JSON object');
  return value;
}

export function objectField(body: JsonObject, key: string): JsonObject {
  const value = body[key] ?? {};
  if (isObject(value)) return value;
  throw invalid(`${key} is not an object`);
}

export function objectsField(body: JsonObject, key: string): readonly JsonObject[] {
  const value = body[key] ?? [];
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw invalid(`${key} is not a list of objects`);
}

export function textField(body: JsonObject, key: string): string {
  const value = body[key] ?? '';
  if (typeof value === 'string') return value;
  throw invalid(`${key} is not text`);
}

/** @param kind what the field must be, for the message: `an id`. */
export function matchingField(body: JsonObject, key: string, form: RegExp, kind: string): string {
  const value = body[key];
  if (typeof value === 'string' && form.test(value)) return value;
  throw invalid(`${key} is ${value === undefined ? 'missing' : `not ${kind}`}`);
}

export function invalid(what: string): PluginError {
  return new PluginError('INVALID_REQUEST', what);
}

/** Counts brackets outside of strings. It does not parse the text. */
function isTooDeep(json: string): boolean {
  let depth = 0;
  let isInText = false;
  for (const [token] of json.matchAll(/\\.|["[{\]}]/gs)) {
    if (token === '"') isInText = !isInText;
    if (isInText) continue;
    if (token === '[' || token === '{') depth += 1;
    if (token === ']' || token === '}') depth -= 1;
    if (depth > DEEPEST) return true;
  }
  return false;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
