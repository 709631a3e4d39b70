/** Returns the places of a field's names, in any letter case, in undici's flat `[name, value, …]`. `field` is in lower case. */
export function placesOf(headers: readonly unknown[], field: string): number[] {
  const places: number[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at];
    if (typeof name === 'string' && name.length === field.length && name.toLowerCase() === field) places.push(at);
  }
  return places;
}
