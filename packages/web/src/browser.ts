/** To be written. */
export const traced = true;
