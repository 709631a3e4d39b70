/** How OpenAI speaks of itself, in chat completions, responses and embeddings. */
import { RATE_LIMITS } from './rate-limits.ts';
import { typedEvent } from './wire-format.ts';
import type { ProviderError, ProviderVoice } from './wire-format.ts';

export const openai: ProviderVoice = {
  errorBody: (error) => ({ error: errorOf(error) }),
  errorEvent: (error, format) => {
    const { message, param, code } = errorOf(error);
    if (format === 'responses')
      return typedEvent({ type: 'error', code: code ?? 'server_error', message, param, sequence_number: 0 });
    return { data: { error: errorOf(error) } };
  },
  // https://platform.openai.com/docs/api-reference/debugging-requests
  headers: ({ requestId, processingMs, remaining }) => ({
    'x-request-id': requestId,
    'openai-version': '2020-10-01',
    'openai-processing-ms': String(processingMs),
    'x-ratelimit-limit-requests': String(RATE_LIMITS.requests),
    'x-ratelimit-limit-tokens': String(RATE_LIMITS.tokens),
    'x-ratelimit-remaining-requests': String(remaining.requests),
    'x-ratelimit-remaining-tokens': String(remaining.tokens),
    'x-ratelimit-reset-requests': '6ms',
    'x-ratelimit-reset-tokens': '0s',
  }),
};

interface ErrorOf {
  readonly message: string;
  readonly type: string;
  readonly param: null;
  readonly code: string | null;
}

// https://platform.openai.com/docs/guides/error-codes
function errorOf({ status, message }: ProviderError): ErrorOf {
  const known = ERRORS[status] ?? (status < 500 ? BAD_REQUEST : SERVER_ERROR);
  return { message: message ?? known.message, type: known.type, param: null, code: known.code };
}

const BAD_REQUEST = { type: 'invalid_request_error', code: null, message: 'The request is not valid.' };
const SERVER_ERROR = {
  type: 'server_error',
  code: null,
  message: 'The server had an error while processing your request.',
};
const ERRORS: Readonly<
  Record<number, { readonly type: string; readonly code: string | null; readonly message: string }>
> = {
  401: { type: 'invalid_request_error', code: 'invalid_api_key', message: 'Incorrect API key provided.' },
  404: { type: 'invalid_request_error', code: 'model_not_found', message: 'The model does not exist.' },
  429: { type: 'requests', code: 'rate_limit_exceeded', message: 'Rate limit reached.' },
  503: { type: 'server_error', code: null, message: 'The engine is currently overloaded, please try again later.' },
};
