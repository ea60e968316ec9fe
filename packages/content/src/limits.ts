/** Bounds that every room keeps to. Sizes in bytes unless the name says otherwise. */
export const KIB = 1024
export const MIB = 1024 * KIB

/** No structured block (manifest, list, shard …) is larger: it must fit one exchange frame. */
export const MAX_BLOCK_BYTES = MIB
/** The chunker's own maximum, and so the largest chunk that a reader accepts. */
export const MAX_CHUNK_BYTES = MIB
/** Chunks in a page of a chunk list: 36 bytes each, so 37 KB a page. */
export const CHUNKS_PER_PAGE = 1024
/** Entries in a page of a manifest. */
export const ENTRIES_PER_PAGE = 1024
/** Shards of a catalog: a new revision rewrites one of them. */
export const CATALOG_SHARDS = 64
/** A signed announcement travels by gossip and as a DHT record: under 1 KiB. */
export const MAX_ENVELOPE_BYTES = 1024
/** Longest path of a file in a repo: what Linux takes for one path. */
export const MAX_PATH_BYTES = 4096
/** Most files of one revision: bounds the memory of a decoded manifest (about 400 bytes an entry). */
export const MAX_MANIFEST_ENTRIES = 500_000
/** Largest file: 16 TiB, what ext4 takes. Keeps every offset a safe integer. */
export const MAX_FILE_BYTES = 16 * 1024 ** 4
/** Pages of a manifest: twice what full ones would need, since pages of long entries hold fewer. */
export const MAX_MANIFEST_PAGES = 2 * Math.ceil(MAX_MANIFEST_ENTRIES / ENTRIES_PER_PAGE)
/** Commits of a branch that are passed on: at about 100 bytes each what one block holds. */
export const MAX_HISTORY_COMMITS = 10_000
