/** What one holder has of a {@link ByteBudget}. */
export interface Share {
  /** Adds bytes. Past the budget, others have to give way; whoever took last comes last. */
  take(bytes: number): void;
  /** Gives all of it back. */
  end(): void;
}

export interface ByteBudget {
  /** Opens an empty share. `giveWay` is called at most once, when the share has been taken back. */
  open(giveWay: () => void): Share;
}

/**
 * Returns a budget of bytes that many hold together. It takes back from whoever has waited longest since they took: senders
 * that stall make room for those that do not. No single share may grow past `maxBytes`.
 */
export function byteBudget(maxBytes: number): ByteBudget {
  const holders = new Set<{ bytes: number; giveWay(): void }>();
  let held = 0;
  return {
    open(giveWay) {
      const own = { bytes: 0, giveWay };
      return {
        take(bytes) {
          own.bytes += bytes;
          held += bytes;
          // A set keeps the order of insertion: from who took first to who took last.
          holders.delete(own);
          holders.add(own);
          for (const oldest of holders) {
            if (held <= maxBytes) return;
            holders.delete(oldest);
            held -= oldest.bytes;
            oldest.giveWay();
          }
        },
        end() {
          if (holders.delete(own)) held -= own.bytes;
        },
      };
    },
  };
}
