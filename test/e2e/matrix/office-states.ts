/** An office that has nothing yet, one that has everything, and that one when its seed and the Hub are both gone. */
export const OFFICE_STATES = ['cold', 'warm', 'alone'] as const
export type OfficeState = (typeof OFFICE_STATES)[number]
