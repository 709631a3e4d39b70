export const LIBRDKAFKA_PACKAGE: string = 'kafka-crab-js';
/** placeholder */
export async function loadsLibrdkafka(packageName: string): Promise<true | string> {
  return `${packageName} cannot be loaded`;
}
