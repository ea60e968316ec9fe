/** What was thrown, for libp2p, which takes only errors. */
export const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))
