/**
 * Returns `make`, which is asked again only where the argument is another than the last one. Hops that follow each other mostly
 * say the same: the calls of one span share its ids, a relay writes what it has just read, and work at one place in a chain
 * sends one lineage. Saves about a tenth of what a hop with a span costs here.
 */
export function rememberingLast<A, V>(make: (argument: A) => V, same: (a: A, b: A) => boolean): (argument: A) => V {
  let last: { readonly argument: A; readonly value: V } | undefined;
  return (argument) => {
    if (last === undefined || !same(last.argument, argument)) last = { argument, value: make(argument) };
    return last.value;
  };
}
