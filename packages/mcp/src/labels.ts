import type { Attributes } from '@opentelemetry/api';
import { isAmong } from '@throughline/core/adapter';
import { ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT } from '@throughline/core/http';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROMPT_NAME,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_MCP_METHOD_NAME,
  ATTR_MCP_PROTOCOL_VERSION,
  ATTR_RPC_RESPONSE_STATUS_CODE,
  EXECUTE_TOOL,
  KNOWN_ERRORS,
  KNOWN_VERSIONS,
  OTHER,
} from './conventions.ts';
import type { Operation } from './operation.ts';

/** Which end of a request, or of a session, is measured. */
export type Side = 'client' | 'server';

/*
 * Nearly all labels of these metrics are chosen by a peer: names, versions, codes. Each is bounded by itself, and so are the sets of
 * them, so that at most 1,926 series come of it: an SDK keeps 2,000.
 */

/** How a measured request came out, as its span says it. */
export interface Result {
  readonly status: string | undefined;
  readonly errorType: string | undefined;
}

/** Names of one kind. One that a request worked with exists; of the others whoever calls may make up any number. */
class Names {
  readonly #worked = new Set<string>();
  readonly #failed = new Set<string>();
  readonly #most: number;
  readonly #mostFailed: number;

  constructor(most: number, mostFailed: number) {
    this.#most = most;
    this.#mostFailed = mostFailed;
  }

  label(name: string, worked: boolean): string {
    const isKnown = worked ? isAmong(this.#worked, name, this.#most) : this.#worked.has(name);
    return isKnown || isAmong(this.#failed, name, this.#mostFailed) ? name : OTHER;
  }
}

const methods = new Names(64, 16);
const prompts = new Names(64, 16);
const tools = new Names(400, 50);
const codes = new Set<string>();
const MAX_CODES = 20;
const hosts = new Set<string>();
const MAX_HOSTS = 100;
const sets: Readonly<Record<Side, Set<string>>> = { client: new Set(), server: new Set() };
const MAX_SETS = 700;

/** Returns the labels of a request: all of them for the first 700 sets of an instrument, and then what was asked and whether it failed. */
export function requestLabels(
  side: Side,
  { method, tool, prompt }: Operation,
  connection: Attributes,
  { status, errorType }: Result,
): Attributes {
  const worked = status === undefined && errorType === undefined;
  const labels: Attributes = {
    [ATTR_MCP_METHOD_NAME]: tool === undefined && prompt === undefined ? methods.label(method, worked) : method,
  };
  if (method === 'tools/call') labels[ATTR_GEN_AI_OPERATION_NAME] = EXECUTE_TOOL;
  if (tool !== undefined) labels[ATTR_GEN_AI_TOOL_NAME] = tools.label(tool, worked);
  if (prompt !== undefined) labels[ATTR_GEN_AI_PROMPT_NAME] = prompts.label(prompt, worked);
  const all: Attributes = { ...labels, ...connection };
  if (status !== undefined) all[ATTR_RPC_RESPONSE_STATUS_CODE] = codeLabel(status);
  if (errorType !== undefined) all[ATTR_ERROR_TYPE] = codeLabel(errorType);
  if (isAmong(sets[side], JSON.stringify(all), MAX_SETS)) return all;
  if (errorType !== undefined) labels[ATTR_ERROR_TYPE] = OTHER;
  return labels;
}

/** Returns the labels of a connection: the attributes of its transport, and the version that it speaks. */
export function connectionLabels(attributes: Attributes, version: string | undefined): Attributes {
  const labels = { ...attributes };
  const { [ATTR_SERVER_ADDRESS]: address, [ATTR_SERVER_PORT]: port } = attributes;
  if (address !== undefined && !isAmong(hosts, JSON.stringify([address, port]), MAX_HOSTS)) {
    labels[ATTR_SERVER_ADDRESS] = OTHER;
    delete labels[ATTR_SERVER_PORT];
  }
  if (version !== undefined) labels[ATTR_MCP_PROTOCOL_VERSION] = KNOWN_VERSIONS.has(version) ? version : OTHER;
  return labels;
}

function codeLabel(code: string): string {
  return KNOWN_ERRORS.has(code) || isAmong(codes, code, MAX_CODES) ? code : OTHER;
}
