import { InvalidArgumentError } from 'commander';

/** Returns the whole number that an option has. */
export function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It takes a whole number, such as 2000.');
  return Number(text);
}

/** Returns the port that an option has. */
export function port(text: string): number {
  const number = whole(text);
  if (number > 65_535) throw new InvalidArgumentError('It takes a port, such as 4317.');
  return number;
}
