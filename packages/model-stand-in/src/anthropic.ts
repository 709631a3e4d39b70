/** How Anthropic speaks of itself. */
import { RATE_LIMITS } from './rate-limits.ts';
import { typedEvent } from './wire-format.ts';
import type { ProviderError, ProviderVoice } from './wire-format.ts';

export const anthropic: ProviderVoice = {
  errorBody: (error) => ({ type: 'error', error: errorOf(error), request_id: error.requestId }),
  errorEvent: (error) => typedEvent({ type: 'error', error: errorOf(error), request_id: error.requestId }),
  // https://docs.anthropic.com/en/api/rate-limits#response-headers
  headers: ({ requestId, remaining }) => {
    const reset = new Date(Date.now() + 1000).toISOString();
    return {
      'request-id': requestId,
      'anthropic-ratelimit-requests-limit': String(RATE_LIMITS.requests),
      'anthropic-ratelimit-requests-remaining': String(remaining.requests),
      'anthropic-ratelimit-requests-reset': reset,
      'anthropic-ratelimit-tokens-limit': String(RATE_LIMITS.tokens),
      'anthropic-ratelimit-tokens-remaining': String(remaining.tokens),
      'anthropic-ratelimit-tokens-reset': reset,
    };
  },
};

// https://docs.anthropic.com/en/api/errors
function errorOf({ status, message }: ProviderError): { readonly type: string; readonly message: string } {
  const known = ERRORS[status] ?? (status < 500 ? BAD_REQUEST : SERVER_ERROR);
  return { type: known.type, message: message ?? known.message };
}

const BAD_REQUEST = { type: 'invalid_request_error', message: 'The request is not valid.' };
const SERVER_ERROR = { type: 'api_error', message: 'Internal server error' };
const ERRORS: Readonly<Record<number, { readonly type: string; readonly message: string }>> = {
  401: { type: 'authentication_error', message: 'invalid x-api-key' },
  403: { type: 'permission_error', message: 'This key may not do that.' },
  404: { type: 'not_found_error', message: 'Not found' },
  413: { type: 'request_too_large', message: 'The request is too large.' },
  429: { type: 'rate_limit_error', message: 'This request would exceed the rate limit.' },
  529: { type: 'overloaded_error', message: 'Overloaded' },
};
