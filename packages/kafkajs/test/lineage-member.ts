import { expect } from 'vitest';

/** The `baggage` of a message that a traced program sent, which holds no user's baggage: the lineage alone. */
export const lineageMember: unknown = expect.stringMatching(/^throughline\.lineage=[\w.~-]+$/);
