/** What the stand-in does with one request. */
import type { Hold, Moment, Wait } from './moment.ts';

/** What the stand-in does with one request. Every field has a default, so `{}` is a short, quick, good answer. */
export interface Behaviour {
  /** What it says: a text, which is streamed word by word, or the chunks that it is streamed in. */
  readonly text?: string | readonly string[];
  /** The tools that it calls, after the text where there is one. */
  readonly toolCalls?: readonly ToolCall[];
  /** Says no, in the provider's own way. Instead of a text. */
  readonly refusal?: string;
  /** `tool_calls` where there are some, else `stop`. Each wire format has its own word for it. */
  readonly finishReason?: FinishReason;
  /** The tokens that it reports. Counted from the request and the answer where they are not given, four characters each. */
  readonly usage?: Tokens | 'absent';
  /** The model that it says it is; the one that was asked for by default. */
  readonly model?: string;
  readonly responseId?: string;
  /** Only in chat completions. */
  readonly systemFingerprint?: string;
  readonly serviceTier?: string;
  /** What the provider tells of itself, in headers above all. */
  readonly report?: Report;
  /** Headers by hand, over all others. `undefined` takes one away. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly wait?: Wait;
  readonly hold?: Hold | readonly Hold[];
  readonly fail?: Failure;
}

export type FinishReason = 'stop' | 'length' | 'content_filter' | 'tool_calls';

export interface ToolCall {
  readonly name: string;
  /** Arguments, or the text that is sent in their place, which need not be JSON. */
  readonly input?: Readonly<Record<string, unknown>> | string;
  readonly id?: string;
}

/** Tokens, as one provider counts them: `input` includes `cached` and `cacheWrite`, and `output` includes `reasoning`. */
export interface Tokens {
  readonly input?: number;
  readonly cached?: number;
  readonly cacheWrite?: number;
  readonly output?: number;
  readonly reasoning?: number;
}

/** Tokens of which each is known. */
export type Usage = Required<Tokens>;

export interface Report {
  /** `x-request-id`; of Anthropic `request-id`. */
  readonly requestId?: string;
  /** `openai-processing-ms`; the time that passed until the headers by default. */
  readonly processingMs?: number;
  /** `x-queue-time`, and in chat completions Groq's `queue_time`. */
  readonly queueMs?: number;
  /** What is left of the rate limits: `x-ratelimit-remaining-*`, `anthropic-ratelimit-*-remaining`. */
  readonly remaining?: { readonly requests?: number; readonly tokens?: number };
  /** `x-ms-region`, as Azure has it. Absent by default. */
  readonly region?: string;
  /** The place at the end of `cf-ray`, such as `FRA`. */
  readonly edge?: string;
}

/** How a request fails. What each looks like when the answer is not streamed is in the README. */
export type Failure =
  | {
      readonly by: 'status';
      readonly status: number;
      /** Seconds, in `retry-after`. */
      readonly retryAfter?: number;
      /** Milliseconds, in `retry-after-ms`. */
      readonly retryAfterMs?: number;
      readonly message?: string;
    }
  | {
      /** `reset`: the connection breaks. `cut`: the stream ends as if it were over. `malformed`: an event that is no JSON. */
      readonly by: 'reset' | 'cut' | 'malformed';
      /** `headers` by default for `reset`, `end` for the others. */
      readonly at?: Moment;
    }
  | { readonly by: 'error-event'; readonly at?: Moment; readonly status?: number; readonly message?: string };

/** Returns a behaviour so many times, for `model.next(...times(2, refused), {})`. */
export function times(count: number, behaviour: Behaviour): Behaviour[] {
  return Array.from({ length: count }, () => behaviour);
}

/** Returns the moment at which a failure happens. */
export function failsAt(fail: Failure): Moment {
  if (fail.by === 'status') return 'headers';
  return fail.at ?? (fail.by === 'reset' ? 'headers' : 'end');
}

/** Returns all holds of a behaviour. */
export function holdsOf({ hold = [] }: Behaviour): readonly Hold[] {
  return isHold(hold) ? [hold] : hold;
}

function isHold(hold: Hold | readonly Hold[]): hold is Hold {
  return 'at' in hold && typeof hold.at === 'string';
}
