/** Says who asks, and by the key which request it is: tracers write it onto their spans. */
export function userAgent(key: string): string {
  return `throughline-probe (+https://github.com/throughline/throughline; ${key})`;
}
