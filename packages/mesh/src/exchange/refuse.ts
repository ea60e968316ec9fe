import { type Refusal, encodeMessage } from './messages.ts'
import type { Outbox } from './outbox.ts'

/** Answers that there is nothing. @throws MeshError `unreachable` when the other side does not take it */
export const refuse = async (outbox: Outbox, refusal: Omit<Refusal, 'type'>): Promise<void> => {
  outbox.send(encodeMessage({ type: 'refusal', ...refusal }))
  await outbox.settled()
}
