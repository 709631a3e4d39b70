/** The prompt of a request, as a cache of prompts sees it. */
import type { JsonObject } from './json.ts';

export interface Prompt {
  /** All that the model reads, in the order in which it reads it: tools, instructions, messages. */
  readonly text: string;
  /**
   * Where the last mark for the cache is, as a number of characters of `text`, in a format in which the caller marks what is to be
   * cached; 0 without a mark. `undefined` where the provider caches by itself.
   */
  readonly markedUntil: number | undefined;
}

const CHARACTERS_A_TOKEN = 4;

/** Returns about how many tokens a text has. */
export function tokensIn(text: string): number {
  return Math.ceil(text.length / CHARACTERS_A_TOKEN);
}

/** Returns a prompt that the provider caches by itself. */
export function automaticPrompt(pieces: readonly unknown[]): Prompt {
  return { text: pieces.map(written).join(''), markedUntil: undefined };
}

/** Returns a prompt in which the caller marks what is to be cached, by `cache_control`. A mark on the request itself is for all of it. */
export function markedPrompt(pieces: readonly unknown[], request: JsonObject): Prompt {
  let text = '';
  let markedUntil = 0;
  for (const piece of pieces) {
    text += written(piece);
    if (JSON.stringify(piece).includes('"cache_control":{')) markedUntil = text.length;
  }
  return { text, markedUntil: request['cache_control'] === undefined ? markedUntil : text.length };
}

// The marks move on with a conversation, which stays the same for that.
function written(piece: unknown): string {
  return `${JSON.stringify(piece, (key, value: unknown) => (key === 'cache_control' ? undefined : value))}\n`;
}
