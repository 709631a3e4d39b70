import { checkName, checkObject, optionError } from '@throughline/core/adapter';
import { follow } from './follow.ts';
import type { ModelCall } from './model/model-call.ts';
import type { ModelRequest } from './model/request.ts';
import { followingOf, startCall } from './model/start-call.ts';
import type { CallModelOptions } from './model/start-call.ts';

/**
 * Returns what `fn` returns, run as a call of a model: a CLIENT span `chat {model}`, which is active in it. Where `fn` returns a stream, or
 * promises one, the span ends with the stream; it says when the request went out, when headers, the first chunk and the first token came, and
 * where the model stalled. Usage is read from what comes back, and counts once, on this span. A thrown value comes out as the same object.
 * Throws a `ThroughlineError` for wrong options.
 * https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/client-inference.md
 *
 * @example
 * ```ts
 * const stream = await callModel({ model: 'gpt-9', provider: 'openai', stream: true }, ({ fetch }) => ask(question, { fetch }));
 * for await (const chunk of stream) write(chunk);
 * ```
 */
export function callModel<T>(request: ModelRequest, fn: (call: ModelCall) => T): T;
export function callModel<T>(
  request: ModelRequest,
  options: CallModelOptions | undefined,
  fn: (call: ModelCall) => T,
): T;
export function callModel<T>(
  request: ModelRequest,
  ...given: [fn: (call: ModelCall) => T] | [options: CallModelOptions | undefined, fn: (call: ModelCall) => T]
): T {
  const [options, fn] = given.length === 1 ? [undefined, given[0]] : given;
  checkObject('request', request, "an object, such as { model: 'gpt-9' }");
  if (request.model === undefined) throw optionError('request.model', 'the name of the model', undefined);
  checkName('request.model', request.model);
  const started = startCall(request, options);
  if (started.refused !== undefined) throw started.refused;
  return follow(() => fn(started.call), followingOf(started));
}
