/** How messages are traced. `peer` is the tracing that is there for the library; `constant` a header that is always the same, and no span. */
export type QueueVariant = 'bare' | 'constant' | 'ours' | 'hand-written' | 'peer';
