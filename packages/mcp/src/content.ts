import type { Attributes } from '@opentelemetry/api';
import {
  checkFunction,
  checkKnown,
  checkObject,
  printable,
  printableJson,
  textOf,
  warnOnce,
} from '@throughline/core/adapter';
import { urlRedaction } from '@throughline/core/http';
import { ATTR_GEN_AI_TOOL_CALL_ARGUMENTS, ATTR_GEN_AI_TOOL_CALL_RESULT, ATTR_MCP_RESOURCE_URI } from './conventions.ts';
import { isObject } from './message.ts';

/** What of a request's content can be recorded. */
export type Content = 'arguments' | 'result' | 'resourceUri';

/** Which content goes onto spans. None by default: it may hold anything, secrets too. */
export interface RecordOptions {
  /** The arguments of tool calls, as JSON: `gen_ai.tool.call.arguments`. */
  readonly arguments?: boolean | undefined;
  /** The results of tool calls, as JSON: `gen_ai.tool.call.result`. */
  readonly result?: boolean | undefined;
  /** The URIs of resources, without credentials and the values of sensitive keys: `mcp.resource.uri`. */
  readonly resourceUri?: boolean | undefined;
  /**
   * Returns what may be recorded in place of `value`, or `undefined` for nothing; `name` is that of the tool. Do not change
   * `value`. What it throws is told once, and nothing is recorded.
   */
  readonly redact?: ((value: unknown, content: Content, name: string) => unknown) | undefined;
}

const MAX_CONTENT = 8192;
const redactUri = urlRedaction(undefined);

/** Returns the record options, checked, or `undefined` where nothing is to be recorded. */
export function recordOptions(given: RecordOptions | undefined): RecordOptions | undefined {
  if (given === undefined) return undefined;
  checkObject('record', given, 'an object, such as { arguments: true }');
  checkKnown(given, ['arguments', 'result', 'resourceUri', 'redact'], 'record');
  checkFunction('record.redact', given.redact, 'a function of the value');
  return given.arguments === true || given.result === true || given.resourceUri === true ? given : undefined;
}

/** Adds what a request asks with to its span's attributes. */
export function addRequest(attributes: Attributes, record: RecordOptions, method: string, params: unknown): void {
  if (!isObject(params)) return;
  if (method === 'tools/call' && record.arguments === true) {
    const text = recorded(record, params['arguments'], 'arguments', params['name']);
    if (text !== undefined) attributes[ATTR_GEN_AI_TOOL_CALL_ARGUMENTS] = text;
  } else if (record.resourceUri === true && method.startsWith('resources/')) {
    const text = recorded(record, params['uri'], 'resourceUri', '');
    if (text !== undefined) attributes[ATTR_MCP_RESOURCE_URI] = text;
  }
}

/** Returns the attributes of a tool's result. */
export function resultAttributes(
  record: RecordOptions,
  result: unknown,
  name: string | undefined,
): Attributes | undefined {
  if (record.result !== true) return undefined;
  const text = recorded(record, result, 'result', name);
  return text === undefined ? undefined : { [ATTR_GEN_AI_TOOL_CALL_RESULT]: text };
}

function recorded({ redact }: RecordOptions, value: unknown, content: Content, name: unknown): string | undefined {
  try {
    const shown = redact === undefined ? value : redact(value, content, typeof name === 'string' ? name : '');
    if (shown === undefined) return undefined;
    if (typeof shown === 'string' && content === 'resourceUri') return printable(redactUri(shown), MAX_CONTENT);
    const json: string | undefined = JSON.stringify(shown);
    // It stays the JSON of the same value, as long as it is not cut.
    return json === undefined ? undefined : printable(printableJson(json), MAX_CONTENT);
  } catch (error) {
    warnOnce('mcp.record', `\`record\` failed, so nothing is recorded: ${textOf(error)}`);
    return undefined;
  }
}
