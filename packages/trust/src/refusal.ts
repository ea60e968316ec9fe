import { type ErrorDetails, MeshError, type RefusalKind } from '@hubmesh/content'

/**
 * Signed metadata that was turned away. The kinds bear the names of the attacks in the TUF specification (section 1.5.2):
 * - `signature` a signature that does not verify, or fewer good ones than the rule asks for
 * - `untrusted` no rule trusts the signer at all, or not for this repo
 * - `rollback` a lower sequence than the one held
 * - `equivocation` the sequence held, with other content
 * - `expired` over its date already when it was new to us
 * - `mix-and-match` genuine, but not what the catalog said: another repo or revision
 * - `endless-data` over the size or count that is allowed
 * - `malformed` not of the format
 */
export class RefusedError extends MeshError {
  readonly kind: RefusalKind
  /** Peer id of the signer as far as it got known: only a claim for `signature`, `untrusted` and `malformed`, and '' before that. */
  readonly publisher: string

  constructor(kind: RefusalKind, publisher: string, message: string, details: ErrorDetails = {}) {
    super('refused', message, details)
    this.kind = kind
    this.publisher = publisher
  }
}
