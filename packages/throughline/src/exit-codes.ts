export const SOUND = 0;
export const BROKEN = 1;
export const CANNOT_JUDGE = 2;
