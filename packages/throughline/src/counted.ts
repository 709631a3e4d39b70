/** Returns a number of things, as `1 span` or `2 spans`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
