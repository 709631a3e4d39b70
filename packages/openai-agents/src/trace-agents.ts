import * as agentsCore from '@openai/agents-core';
import { stepTracer } from '@throughline/agent';
import type { StepOptions } from '@throughline/agent';
import { checkKnown, checkObject, warnOnce } from '@throughline/core/adapter';
import { Bridge } from './bridge.ts';
import { frameworkOf, isTraced } from './framework.ts';
import { scope } from './scope.ts';

/** The options of {@link traceAgents}. */
export interface AgentsOptions extends StepOptions {}

// On the framework's provider, of which there is one for the process, in every loaded copy of this package.
const BRIDGE = Symbol.for('throughline.openai-agents.bridge');

/**
 * Gives the spans of OpenAI Agents their OpenTelemetry spans, which are active: runs, agents, turns, model calls, tools, handoffs,
 * guardrails. Call it once, after your SDK is registered and before the first run. Returns a function that undoes it; what runs by then
 * is traced to its end. Throws a `ThroughlineError` for a wrong option, and for a version of the framework that it cannot bridge.
 *
 * @example
 * ```ts
 * setTraceProcessors([]); // nothing to OpenAI
 * traceAgents();
 * ```
 */
export function traceAgents(options?: AgentsOptions): () => void {
  checkObject('options', options, 'an object, such as { tracerProvider }');
  if (options !== undefined) checkKnown(options, ['tracerProvider'], 'options');
  const framework = frameworkOf(agentsCore);
  const provider: ReturnType<typeof framework.getGlobalTraceProvider> & { [BRIDGE]?: Bridge } =
    framework.getGlobalTraceProvider();
  const bridge = provider[BRIDGE] ?? new Bridge(framework);
  if (bridge.isTracing && !bridge.isReleased) {
    warnOnce('openai-agents.again', again);
    return () => {};
  }
  if (provider[BRIDGE] === undefined || bridge.isReleased) framework.addTraceProcessor(bridge);
  if (provider[BRIDGE] === undefined) Object.defineProperty(provider, BRIDGE, { value: bridge });
  framework.setTracingContextStorage(bridge.storage);
  bridge.begin(stepTracer(options, scope.name, scope.version));
  if (!isTraced(provider.createTrace({ name: 'throughline' }))) warnOnce('openai-agents.disabled', disabled);
  return () => bridge.stop();
}

const again =
  'OpenAI Agents is traced already: the second call of `traceAgents` changes nothing, and what the first returned undoes it.';
const disabled =
  'the tracing of OpenAI Agents is disabled, so that `traceAgents` has nothing to bridge. NODE_ENV=test and OPENAI_AGENTS_DISABLE_TRACING disable it; `setTracingDisabled(false)` enables it.';
