/** The parts of an answer, in the pieces that it is streamed in, whatever the wire format. */
import { randomUUID } from 'node:crypto';
import type { Behaviour, ToolCall } from './behaviour.ts';

export type Part = TextPart | ToolPart;

export interface TextPart {
  readonly kind: 'text' | 'refusal';
  readonly chunks: readonly string[];
}

export interface ToolPart {
  readonly kind: 'tool';
  readonly id: string;
  readonly name: string;
  /** The pieces of the arguments' JSON. */
  readonly chunks: readonly string[];
}

const DEFAULT_TEXT = 'This is an answer of the stand-in.';
const ARGUMENT_CHARACTERS = 12;

/** Returns the parts of an answer. */
export function partsOf({ text, refusal, toolCalls = [] }: Behaviour): Part[] {
  const tools = toolCalls.map(toolPart);
  if (refusal !== undefined) return [{ kind: 'refusal', chunks: words(refusal) }, ...tools];
  if (text === undefined && tools.length > 0) return tools;
  const said = text ?? DEFAULT_TEXT;
  return [{ kind: 'text', chunks: typeof said === 'string' ? words(said) : said }, ...tools];
}

/** Returns the whole text of a part. */
export function whole({ chunks }: Part): string {
  return chunks.join('');
}

function toolPart({ name, input = {}, id }: ToolCall): ToolPart {
  const text = typeof input === 'string' ? input : JSON.stringify(input);
  const pieces = text.match(new RegExp(`[^]{1,${ARGUMENT_CHARACTERS}}`, 'gu')) ?? [''];
  return { kind: 'tool', id: id ?? randomUUID().replaceAll('-', ''), name, chunks: pieces };
}

function words(text: string): string[] {
  return text.split(/(?<= )/);
}
