import type { Attributes, Context, Span } from '@opentelemetry/api';
import { failureType, optionError } from '@throughline/core/adapter';
import type { Outcome } from '@throughline/core/adapter';
import { contentText } from './content.ts';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_TOOL_CALL_ARGUMENTS,
  ATTR_GEN_AI_TOOL_CALL_RESULT,
  ATTR_GEN_AI_TOOL_NAME,
  EXECUTE_TOOL,
} from './conventions.ts';
import { addPlace, followCounted, placeOf } from './counted-step.ts';
import { digestOf } from './digest.ts';
import { endingOutcome } from './ending.ts';
import { tellEvent } from './events.ts';
import type { Ending } from './follow-stream.ts';
import type { AgentOptions, OwnAttributes } from './options.ts';
import { ATTR_REPEATED_COUNT, ATTR_TOOL_CALL_DIGEST, EVENT_TOOL_REPEATED } from './own-names.ts';
import { startStep } from './run-step.ts';
import type { OpenStep } from './run-step.ts';
import type { Settings } from './settings.ts';
import { tellSignal } from './signal.ts';
import { toolStep } from './step.ts';
import { silentFailure } from './tool-result.ts';
import { countCall } from './turn.ts';
import type { TurnState } from './turn.ts';

/** The options of {@link runTool}. */
export interface RunToolOptions extends AgentOptions, OwnAttributes {
  /** What the tool is called with. A digest of it goes onto the span; all of it where `content.arguments` says so. */
  readonly arguments?: unknown;
  /** The id that the model gave the call. */
  readonly callId?: string | undefined;
  /** `function`, `extension` or `datastore`. */
  readonly type?: string | undefined;
  readonly description?: string | undefined;
}

/** A tool call that runs. */
export interface ToolRun {
  readonly span: Span;
  readonly context: Context;
}

/**
 * Returns what `fn` returns, run as a call of a tool: an `execute_tool` span, which is active in it, and which an MCP call in it adds to
 * instead of opening a second. It ends as that of `runAgent` does. The same tool with the same arguments, again and again in one turn, is an
 * event of the turn; a result that is empty or says `ok: false` is a signal. A thrown value comes out as the same object. Throws a
 * `ThroughlineError` for wrong options.
 * https://github.com/open-telemetry/semantic-conventions-genai/blob/v0.1.0/docs/gen-ai/gen-ai-agent-spans.md#execute-tool-span
 *
 * @example
 * ```ts
 * const passages = await runTool('search', { arguments: { query } }, () => library.search(query));
 * ```
 */
export function runTool<T>(name: string, fn: (run: ToolRun) => T): T;
export function runTool<T>(name: string, options: RunToolOptions | undefined, fn: (run: ToolRun) => T): T;
export function runTool<T>(
  name: string,
  ...given: [fn: (run: ToolRun) => T] | [options: RunToolOptions | undefined, fn: (run: ToolRun) => T]
): T {
  const [options, fn] = given.length === 1 ? [undefined, given[0]] : given;
  if (typeof name !== 'string' || name === '') throw optionError('name', 'the name of the tool', name);
  const place = placeOf(options);
  const { turn, settings } = place;
  const digest = options?.arguments === undefined ? undefined : digestOf(options.arguments);
  const step = toolStep(name, options);
  const attributes: Attributes = { ...options?.attributes, ...step.attributes };
  addPlace(attributes, place);
  if (digest !== undefined) attributes[ATTR_TOOL_CALL_DIGEST] = digest;
  const open = startStep({ ...step, attributes }, settings.tracer);
  const shown = contentText(settings.content, 'arguments', options?.arguments);
  if (shown !== undefined) open.describe({ [ATTR_GEN_AI_TOOL_CALL_ARGUMENTS]: shown });
  if (turn !== undefined) noteCall(turn, name, digest);
  return followCounted(() => fn({ span: open.span, context: open.context }), open, place, {
    counts: 'toolCalls',
    work: `tool ${name}`,
    end: (ending) => {
      const outcome = describeResult(settings, open, turn, ending);
      open.end(outcome);
      return failureType(outcome);
    },
    measure: (seconds, failure) => measureTool(settings, turn, name, seconds, failure),
  });
}

/** Tells of the same call, made again and again. */
function noteCall(turn: TurnState, name: string, digest: string | undefined): void {
  turn.toolsMissing.delete(name);
  if (digest === undefined) return;
  const count = countCall(turn, `${name} ${digest}`);
  const { repeatedCalls } = turn.settings;
  if (count < repeatedCalls) return;
  turn.sums.repeatedToolCalls += count === repeatedCalls ? repeatedCalls : 1;
  tellEvent(turn.settings, turn.open.span, turn.open.context, EVENT_TOOL_REPEATED, {
    [ATTR_GEN_AI_TOOL_NAME]: name,
    [ATTR_TOOL_CALL_DIGEST]: digest,
    [ATTR_REPEATED_COUNT]: count,
  });
}

function describeResult(settings: Settings, open: OpenStep, turn: TurnState | undefined, ending: Ending): Outcome {
  if (ending.how !== 'done') return endingOutcome(ending);
  const { value } = ending;
  const shown = contentText(settings.content, 'result', value);
  if (shown !== undefined) open.describe({ [ATTR_GEN_AI_TOOL_CALL_RESULT]: shown });
  const { failed, signal } = silentFailure(value);
  if (signal !== undefined) tellSignal(settings, open.span, open.context, turn, signal);
  return failed === true ? { errorType: 'tool_error' } : {};
}

function measureTool(
  settings: Settings,
  turn: TurnState | undefined,
  name: string,
  seconds: number,
  type: string | undefined,
): void {
  const instruments = settings.instruments();
  if (instruments === undefined) return;
  const labels: Attributes = {
    [ATTR_GEN_AI_OPERATION_NAME]: EXECUTE_TOOL,
    [ATTR_GEN_AI_TOOL_NAME]: instruments.label('tool', name),
    [ATTR_GEN_AI_AGENT_NAME]: instruments.label('agent', turn?.agent),
  };
  if (type !== undefined) labels[ATTR_ERROR_TYPE] = type;
  instruments.tool(seconds, labels);
}
