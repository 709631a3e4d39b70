/** The rate limits that the stand-in claims to have, and what it says is left of them. */
export const RATE_LIMITS = { requests: 10_000, tokens: 2_000_000 } as const;
export const RATE_LIMITS_LEFT = { requests: 9_999, tokens: 1_999_000 } as const;
