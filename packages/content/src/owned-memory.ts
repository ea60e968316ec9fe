/*
 * V8 frees a buffer when it collects garbage, and collects all of it for a few megabytes of buffers that came and went. Where
 * gigabytes pass through, whoever knows that nobody reads a buffer any more says so, and its memory is used again at once.
 */

const owned = new WeakSet<ArrayBufferLike>()

/** The buffer that these bytes lie in holds nothing that anybody else reads: their user may free it. */
export const own = ({ buffer }: Uint8Array): void => void owned.add(buffer)

/** Frees the memory of bytes that are owned and that nobody reads any more: they are empty after it. Others stay as they are. */
export const freeOwned = (parts: Iterable<Uint8Array>): void => {
  for (const { buffer } of parts) if (owned.delete(buffer) && buffer instanceof ArrayBuffer) buffer.transfer(0)
}
