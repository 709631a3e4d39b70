const TEN_YEARS = 10 * 365.25 * 24 * 60 * 60 * 1000;

/**
 * Returns how long ago a message was sent, in milliseconds, by its timestamp; `undefined` where that cannot be: it is missing,
 * in the future, or ten years old. Producers set what they like.
 */
export function messageAge(timestamp: unknown, now: number): number | undefined {
  if (typeof timestamp !== 'string' && typeof timestamp !== 'number' && typeof timestamp !== 'bigint') return undefined;
  const age = now - Number(timestamp);
  return age >= 0 && age < TEN_YEARS ? age : undefined;
}
