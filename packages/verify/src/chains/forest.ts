/** The order of a forest from the top down, and who is below whom. Parents that lead back to themselves are cut somewhere. */
export interface Forest {
  /** Every node, after its parent. */
  readonly topDown: Int32Array;
  isBelow(at: number, above: number): boolean;
}

/** Returns the forest of these parents; -1 is none. */
export function forestOf(
  size: number,
  parentOf: (at: number) => number,
  childrenOf: (at: number) => Int32Array,
): Forest {
  const topDown = new Int32Array(size);
  // A node is numbered by its place from the top down, and what is below it has the numbers up to its last.
  const first = new Int32Array(size).fill(-1);
  const last = new Int32Array(size);
  let count = 0;
  const walk = (top: number): void => {
    const open = [top];
    const path: number[] = [];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (at < 0) {
        last[path.pop() as number] = count - 1;
        continue;
      }
      if (first[at] !== -1) continue;
      first[at] = count;
      topDown[count++] = at;
      path.push(at);
      open.push(-1);
      const children = childrenOf(at);
      for (let nth = children.length - 1; nth >= 0; nth--) open.push(children[nth] as number);
    }
  };
  for (let at = 0; at < size; at++) if (parentOf(at) === -1) walk(at);
  // What is left goes round in circles.
  for (let at = 0; at < size; at++) if (first[at] === -1) walk(at);
  const numberOf = (at: number): number => first[at] as number;
  return {
    topDown,
    isBelow: (at, above) => numberOf(at) > numberOf(above) && numberOf(at) <= (last[above] as number),
  };
}
