/** What a conversation asks for next, whatever the wire format that it came in. */
import type { Conversation } from '@throughline/model-stand-in';

/** What the model says: a tool to call, or an answer. */
export type Move = ToolMove | { readonly text: string; readonly tool?: undefined };

interface ToolMove {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/**
 * Returns what a model says next that is as obedient as it is simple. It searches for the question, once, and answers with what was
 * found. A question that begins with `hand off:` goes to the sub-agent that a tool hands over to, and one that begins with `delegate:`
 * to the sub-agent that is a tool.
 */
export function nextMove({ items, tools }: Conversation): Move {
  const asked = items.findLastIndex(({ kind }) => kind === 'user');
  const user = items[asked];
  const question = user?.kind === 'user' ? user.text : '';
  const since = items.slice(asked + 1);
  const named = new Map(since.flatMap((item) => (item.kind === 'call' ? [[item.id, item.tool] as const] : [])));
  const found = since.flatMap((item) =>
    item.kind === 'result' && !isHandoff(named.get(item.id) ?? '') ? [item.text] : [],
  );
  if (found.length > 0) return { text: `The answer: ${found.join(' ')}` };
  const handoff = tools.find(isHandoff);
  if (question.startsWith('hand off:') && handoff !== undefined) return { tool: handoff, input: {} };
  const subAgent = tools.find((tool) => tool.startsWith('ask_'));
  if (question.startsWith('delegate:') && subAgent !== undefined) {
    return { tool: subAgent, input: { input: question.slice('delegate:'.length).trim() } };
  }
  const search = tools.find((tool) => tool.endsWith('search'));
  // Whoever was handed over to sees the question as it was asked.
  if (search !== undefined) return { tool: search, input: { query: question.replace(/^hand off:/, '').trim() } };
  return { text: `The answer: nothing was found for ${question}` };
}

// As OpenAI Agents and LangGraph call them.
function isHandoff(tool: string): boolean {
  return tool.startsWith('transfer_to_') || tool.startsWith('hand_off_to_');
}
