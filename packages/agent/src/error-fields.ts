import { errorType, guarded, printable } from '@throughline/core/adapter';
import {
  ATTR_ERROR_TYPE,
  ATTR_EXCEPTION_MESSAGE,
  ATTR_EXCEPTION_STACKTRACE,
  ATTR_EXCEPTION_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_SERVER_ADDRESS,
} from './conventions.ts';
import { failedCallBehind } from './failed-call.ts';
import { fieldsOf } from './log-fields.ts';
import type { LogFields } from './log-fields.ts';
import { ATTR_INPUT_DIGEST, ATTR_MODEL_REQUEST_ID } from './own-names.ts';
import { quotes } from './quoting.ts';

const MAX_MESSAGE = 1024;
const MAX_FRAMES = 50;

/**
 * Returns what a log line says of an error: its class, `error.type`, text and stack. Of a call of a model that failed, also the digest of its
 * input, the id of the request, and which agent asked which model of which provider. The error of such a call may quote the prompt, and so may
 * one that has it as its `cause`: their text is left out, of the stack too. Takes whatever was thrown, and never throws.
 *
 * @example
 * ```ts
 * logger.error(errorFields(error), 'the turn failed');
 * ```
 */
export function errorFields(error: unknown): LogFields {
  let text: { readonly type?: string; readonly message?: string; readonly stack?: string } = {};
  // A getter of the error may throw.
  guarded('content', () => (text = textOf(error, quotes(error))));
  const call = failedCallBehind(error);
  return fieldsOf({
    [ATTR_ERROR_TYPE]: call?.errorType ?? errorType(error),
    [ATTR_EXCEPTION_TYPE]: text.type,
    [ATTR_EXCEPTION_MESSAGE]: text.message,
    [ATTR_EXCEPTION_STACKTRACE]: text.stack,
    [ATTR_INPUT_DIGEST]: call?.inputDigest,
    [ATTR_MODEL_REQUEST_ID]: call?.requestId,
    [ATTR_GEN_AI_OPERATION_NAME]: call?.operation,
    [ATTR_GEN_AI_REQUEST_MODEL]: call?.model,
    [ATTR_GEN_AI_PROVIDER_NAME]: call?.provider,
    [ATTR_SERVER_ADDRESS]: call?.serverAddress,
    [ATTR_GEN_AI_AGENT_NAME]: call?.agent,
    [ATTR_GEN_AI_CONVERSATION_ID]: call?.conversationId,
  });
}

function textOf(error: unknown, isQuoting: boolean): { type?: string; message?: string; stack?: string } {
  if (!(error instanceof Error)) return {};
  const { message, stack } = error as { readonly message: unknown; readonly stack?: unknown };
  const said = typeof message === 'string' ? message : '';
  const lines = typeof stack === 'string' ? (isQuoting ? framesIn(stack, said) : stack.split('\n')) : [];
  return {
    ...classOf(error),
    ...(isQuoting || said === '' ? {} : { message: printable(said, MAX_MESSAGE) }),
    ...(lines.length === 0 ? {} : { stack: lines.map((line) => printable(line, MAX_MESSAGE)).join('\n') }),
  };
}

// An SDK's errors are `Error` by name, and say what they are by their class.
function classOf(error: Error): { type?: string } {
  const { name, constructor: made } = error;
  const type = name === 'Error' && typeof made === 'function' ? made.name : name;
  return typeof type === 'string' && type !== '' ? { type: printable(type, MAX_MESSAGE) } : {};
}

// As V8 writes them. https://v8.dev/docs/stack-trace-api#appendix%3A-stack-trace-format
const FRAME = /^ {4}at (?:\S.*)?(?::\d+:\d+\)?|\(<anonymous>\)|\(native\))$/;

/** Returns the frames of a stack, without the text before them, which may hold lines that look like frames. */
function framesIn(stack: string, message: string): string[] {
  const at = message === '' ? -1 : stack.indexOf(message);
  // A text that was changed since cannot be told from the frames.
  if (message !== '' && at < 0) return [];
  const frames = at < 0 ? stack : stack.slice(at + message.length);
  return frames
    .split('\n')
    .filter((line) => line.length <= MAX_MESSAGE && FRAME.test(line))
    .slice(0, MAX_FRAMES);
}
