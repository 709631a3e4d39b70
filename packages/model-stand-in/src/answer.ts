/** An answer with everything decided, that a wire format only has to write down. */
import { randomUUID } from 'node:crypto';
import type { Behaviour, FinishReason, Report, Tokens, Usage } from './behaviour.ts';
import { partsOf, whole } from './parts.ts';
import type { Part } from './parts.ts';
import type { CachedTokens } from './prompt-cache.ts';
import { tokensIn } from './prompt.ts';

export interface Answer {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly parts: readonly Part[];
  readonly finishReason: FinishReason;
  /** `undefined` where it is not to be reported. */
  readonly usage: Usage | undefined;
  readonly model: string;
  readonly systemFingerprint: string;
  readonly serviceTier: string | undefined;
  readonly report: Report;
}

/** What an answer is made from beside its behaviour. */
export interface Asked {
  readonly model: string;
  readonly promptTokens: number;
  readonly cache: CachedTokens;
  /** What the wire format puts before the id of an answer. */
  readonly idPrefix: string;
}

const DEFAULT_FINGERPRINT = 'fp_stand_in';

/** Returns the answer to a request. */
export function answerTo(asked: Asked, behaviour: Behaviour): Answer {
  const parts = partsOf(behaviour);
  return {
    id: behaviour.responseId ?? asked.idPrefix + randomUUID().replaceAll('-', ''),
    created: Math.floor(Date.now() / 1000),
    parts,
    finishReason: behaviour.finishReason ?? (parts.some(({ kind }) => kind === 'tool') ? 'tool_calls' : 'stop'),
    usage: behaviour.usage === 'absent' ? undefined : usage(asked, parts, behaviour.usage),
    model: behaviour.model ?? asked.model,
    systemFingerprint: behaviour.systemFingerprint ?? DEFAULT_FINGERPRINT,
    serviceTier: behaviour.serviceTier,
    report: behaviour.report ?? {},
  };
}

function usage({ promptTokens, cache }: Asked, parts: readonly Part[], told: Tokens = {}): Usage {
  // The cache counted tokens of the prompt as it came: they mean nothing beside a number of tokens that was made up.
  const { cached, cacheWrite } =
    told.input === undefined ? { ...cache, ...told } : { cached: 0, cacheWrite: 0, ...told };
  const reasoning = told.reasoning ?? 0;
  return {
    input: told.input ?? Math.max(promptTokens, cached + cacheWrite),
    cached,
    cacheWrite,
    output: told.output ?? tokensIn(parts.map(whole).join('')) + reasoning,
    reasoning,
  };
}
