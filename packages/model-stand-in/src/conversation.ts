/** A conversation in the words that all wire formats share. */
import { listOf, textIn } from './json.ts';

export interface Conversation {
  readonly items: readonly Item[];
  /** The names of the tools that are offered. */
  readonly tools: readonly string[];
}

/** One item of a conversation. */
export type Item =
  | { readonly kind: 'system' | 'user' | 'assistant'; readonly text: string }
  | { readonly kind: 'call'; readonly id: string; readonly tool: string }
  | { readonly kind: 'result'; readonly id: string; readonly text: string };

/** Returns an item of what somebody said; none for an empty text or an unknown role. OpenAI also says `developer` for `system`. */
export function saidBy(role: string, text: string): Item[] {
  if (text === '') return [];
  if (role === 'developer') return [{ kind: 'system', text }];
  return role === 'system' || role === 'user' || role === 'assistant' ? [{ kind: role, text }] : [];
}

/** Returns the text of a message's content, which is a text or a list of parts. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((part) => textIn(part, 'text'))
    .join('');
}
