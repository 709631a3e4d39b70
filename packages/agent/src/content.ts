import {
  checkBoolean,
  checkFunction,
  checkKnown,
  checkObject,
  guarded,
  optionError,
  printableJson,
} from '@throughline/core/adapter';

/** What a piece of content is. */
export type ContentKind =
  | 'prompt'
  | 'instructions'
  | 'answer'
  | 'arguments'
  | 'result'
  | 'query'
  | 'documents'
  | 'explanation';

/** Which content goes onto spans. All of it is off unless it is asked for. */
export interface ContentOptions {
  /** The messages that a model is sent, and its instructions. */
  readonly prompts?: boolean | undefined;
  /** What it answers. */
  readonly answers?: boolean | undefined;
  /** What tools are called with. */
  readonly arguments?: boolean | undefined;
  /** What they return. */
  readonly results?: boolean | undefined;
  /** What is searched for. */
  readonly queries?: boolean | undefined;
  /** What a retrieval brings. */
  readonly documents?: boolean | undefined;
  /** Why an evaluation came out as it did. */
  readonly explanations?: boolean | undefined;
  /** Returns what may be recorded of a value, or `undefined` for nothing of it. What it throws keeps the content off. */
  readonly redact?: ((value: unknown, kind: ContentKind) => unknown) | undefined;
  /** The most characters of one piece. What is longer is cut, and says so. Default 8,192. */
  readonly maxLength?: number | undefined;
}

const MAX_LENGTH = 8192;
const FLAGS = ['prompts', 'answers', 'arguments', 'results', 'queries', 'documents', 'explanations'] as const;
const KNOWN = [...FLAGS, 'redact', 'maxLength'];

/** Throws unless these are options of content. */
export function checkContent(content: ContentOptions | undefined): void {
  if (content === undefined) return;
  checkObject('content', content, 'an object, such as { prompts: true, redact }');
  checkKnown(content, KNOWN, 'content');
  for (const name of FLAGS) checkBoolean(`content.${name}`, content[name]);
  checkFunction('content.redact', content.redact, 'a function of the value and its kind');
  const { maxLength } = content;
  if (maxLength !== undefined && !(Number.isInteger(maxLength) && maxLength > 0)) {
    throw optionError('content.maxLength', 'a number of characters', maxLength);
  }
}

const SWITCHES = {
  prompt: 'prompts',
  instructions: 'prompts',
  answer: 'answers',
  arguments: 'arguments',
  result: 'results',
  query: 'queries',
  documents: 'documents',
  explanation: 'explanations',
} as const satisfies Record<ContentKind, keyof ContentOptions>;

/** Whether content of this kind is recorded. */
export function records(content: ContentOptions | undefined, kind: ContentKind): boolean {
  return content?.[SWITCHES[kind]] === true;
}

/** Returns a value as text for an attribute, redacted and cut; `undefined` where nothing of it is to be recorded. Never throws. */
export function contentText(
  content: ContentOptions | undefined,
  kind: ContentKind,
  value: unknown,
): string | undefined {
  if (content === undefined || !records(content, kind) || value === undefined) return undefined;
  const { redact, maxLength = MAX_LENGTH } = content;
  let text: string | undefined;
  guarded('content', () => {
    const shown = redact === undefined ? value : redact(value, kind);
    if (shown === undefined) return;
    text = typeof shown === 'string' ? shown : JSON.stringify(shown);
  });
  if (text === undefined) return undefined;
  const printed = printableJson(text);
  return printed.length > maxLength ? `${printed.slice(0, maxLength)}… (${printed.length} characters)` : printed;
}
