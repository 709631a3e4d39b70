import { SpanKind } from '@opentelemetry/api';
import type { Attributes } from '@opentelemetry/api';
import { agentStep, answerAttributes, modelStep, toolStep } from '@throughline/agent';
import type { Step } from '@throughline/agent';
import {
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GUARDRAIL_TRIGGERED,
  INVOKE_WORKFLOW,
} from './conventions.ts';
import type { SpanData } from './framework.ts';

/** Returns a span of the framework as a step. The framework fills its data in as it goes: at the end there is more of it. */
export function stepOf(data: SpanData, conversationId: string | undefined): Step {
  const name = textOf(data['name']);
  switch (data.type) {
    case 'task':
      return internal([INVOKE_WORKFLOW, name], {
        [ATTR_GEN_AI_OPERATION_NAME]: INVOKE_WORKFLOW,
        [ATTR_GEN_AI_AGENT_NAME]: name,
      });
    case 'agent':
      return agentStep(name, { conversationId });
    case 'turn':
      return internal(['turn', String(data['turn'])], { [ATTR_GEN_AI_AGENT_NAME]: textOf(data['agent_name']) });
    case 'function':
      return toolStep(name);
    case 'generation':
      return modelStep(textOf(data['model']), { provider: providerOf(data), conversationId });
    case 'response':
      // Which model was asked for it does not say.
      return modelStep(undefined, { provider: OPENAI, conversationId });
    case 'handoff':
      return internal(['handoff', textOf(data['to_agent'])]);
    case 'guardrail':
      return internal(['guardrail', name]);
    case 'mcp_tools':
      return internal(['list_tools', textOf(data['server'])]);
    case 'custom':
      return internal([name ?? data.type]);
    default:
      return internal([data.type, name]);
  }
}

/** Returns what is known of a span at its end and is no part of its step. Of content nothing: of an answer ids, names and counts. */
export function endAttributes(data: SpanData): Attributes {
  switch (data.type) {
    case 'generation': {
      const output: unknown = Array.isArray(data['output']) ? data['output'][0] : undefined;
      const answer = recordOf(output);
      // Of the AI SDK's models it is in the span's own data, and with OpenAI's in the answer.
      const usage = recordOf(data['usage'] ?? answer['usage']);
      const choices: readonly unknown[] = Array.isArray(answer['choices']) ? answer['choices'] : [];
      return answerAttributes({
        id: answer['id'],
        model: answer['model'],
        finishReasons: choices.map((choice) => recordOf(choice)['finish_reason']),
        inputTokens: usage['input_tokens'] ?? usage['prompt_tokens'],
        outputTokens: usage['output_tokens'] ?? usage['completion_tokens'],
      });
    }
    case 'response': {
      const { id, model, usage } = recordOf(data['_response']);
      const { input_tokens: inputTokens, output_tokens: outputTokens } = recordOf(usage);
      return answerAttributes({ id: id ?? data['response_id'], model, inputTokens, outputTokens });
    }
    case 'guardrail':
      return { [ATTR_GUARDRAIL_TRIGGERED]: data['triggered'] === true };
    default:
      return {};
  }
}

const OPENAI = 'openai';

// A bridge to models of other makers says whose it is.
function providerOf(data: SpanData): string {
  return textOf(recordOf(data['model_config'])['provider']) ?? OPENAI;
}

function internal(words: readonly (string | undefined)[], attributes: Attributes = {}): Step {
  return { name: words.filter((word) => word !== undefined).join(' '), kind: SpanKind.INTERNAL, attributes };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
