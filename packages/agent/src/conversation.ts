import { propagation } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { ATTR_GEN_AI_CONVERSATION_ID } from './conventions.ts';

/** Returns the conversation that came in with the baggage. */
export function carriedConversation(context: Context): string | undefined {
  return propagation.getBaggage(context)?.getEntry(ATTR_GEN_AI_CONVERSATION_ID)?.value;
}
