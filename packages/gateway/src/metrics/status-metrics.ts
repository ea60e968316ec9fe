import type { Counters, NodeStatus, PeerStatus, RepoStatus } from '@hubmesh/content'
import type { Metric, Sample } from './exposition.ts'

/**
 * Series of a scrape are bounded: 6 for each of so many repos, 5 for each of so many peers, and a few dozen. Further repos
 * stand in the counts alone.
 */
const MAX_REPOS = 1_000
/** Those that were seen first, so that what has been counted for one does not move to the others: their sum has a series. */
const MAX_PEERS = 256
const OTHER_PEERS = 'other'

/** What `GET /-/api/status` says, as metrics. Neither addresses nor reasons are in it. */
export const statusMetrics = (status: NodeStatus): Metric[] => [
  ...nodeMetrics(status),
  ...counterMetrics(status),
  ...peerMetrics(status.peers),
  ...repoMetrics(status.repos),
  ...storeMetrics(status),
]

const nodeMetrics = ({ version, role, site, peerId, ready, peers, wanCopies }: NodeStatus): Metric[] => [
  {
    name: 'hubmesh_build_info',
    type: 'gauge',
    help: 'Always 1: what this node is.',
    samples: [{ labels: { version, role, site, peer: peerId }, value: 1 }],
  },
  gauge('hubmesh_ready', 'Whether this node can serve, as /-/readyz says.', Number(ready.ready)),
  {
    name: 'hubmesh_site_nodes',
    type: 'gauge',
    help: 'Nodes of its site that this node is connected to, and itself.',
    samples: [{ labels: { site }, value: 1 + count(peers, (peer) => peer.connected && peer.site === site) }],
  },
  {
    name: 'hubmesh_wan_copies',
    type: 'gauge',
    help: 'wan bytes over brought bytes of this node since its start.',
    samples: wanCopies === null ? [] : [{ labels: { site }, value: wanCopies }],
  },
]

const COUNTERS: { readonly [Name in keyof Counters]: readonly [name: string, help: string] } = {
  upstreamBytes: ['hubmesh_upstream_bytes_total', 'Body bytes of files received from upstream, wasted ones too.'],
  wanBytes: ['hubmesh_wan_bytes_total', 'Chunk payload from other sites, wasted payload too.'],
  broughtBytes: ['hubmesh_brought_bytes_total', 'Of that, what no other node of this site was known to have.'],
  siteBytes: ['hubmesh_site_bytes_total', 'Chunk payload from nodes of this site.'],
  localBytes: ['hubmesh_local_bytes_total', 'Bytes that other blobs on this disk supplied.'],
  verifiedBytes: ['hubmesh_verified_bytes_total', 'Chunk payload that was proven and wanted.'],
  verifiedChunks: ['hubmesh_verified_chunks_total', 'Chunks from peers that were what they claimed.'],
  rejectedChunks: ['hubmesh_rejected_chunks_total', 'Chunks that were not what they claimed.'],
  relayedBytes: ['hubmesh_relayed_bytes_total', 'What was passed on between nodes that cannot reach each other.'],
}

const counterMetrics = ({ counters, site }: NodeStatus): Metric[] =>
  Object.entries(COUNTERS).map(([field, [name, help]]) => ({
    name,
    type: 'counter',
    help,
    samples: [{ labels: { site }, value: counters[field as keyof Counters] }],
  }))

const peerMetrics = (peers: readonly PeerStatus[]): Metric[] => {
  const listed = peers.slice(0, MAX_PEERS)
  const others = peers.slice(MAX_PEERS)
  const labelled = listed.map((peer) => ({ peer, labels: { peer: peer.peerId, peer_site: peer.site } }))
  const each = (value: (peer: PeerStatus) => number | null): Sample[] =>
    labelled.flatMap(({ peer, labels }) => {
      const known = value(peer)
      return known === null ? [] : [{ labels, value: known }]
    })
  const withOthers = (value: (peer: PeerStatus) => number): Sample[] =>
    others.length === 0
      ? each(value)
      : [...each(value), { labels: { peer: OTHER_PEERS, peer_site: '' }, value: sum(others, value) }]
  return [
    gauge('hubmesh_peers', 'Peers seen since the start.', peers.length),
    gauge(
      'hubmesh_peers_connected',
      'Peers that can be asked.',
      count(peers, ({ connected }) => connected),
    ),
    gauge(
      'hubmesh_peers_banned',
      'Peers that sent what they should not, for a while.',
      count(peers, ({ banned }) => banned !== undefined),
    ),
    {
      name: 'hubmesh_peer_connected',
      type: 'gauge',
      help: 'Whether the peer can be asked.',
      samples: withOthers(({ connected }) => Number(connected)),
    },
    {
      name: 'hubmesh_peer_rtt_seconds',
      type: 'gauge',
      help: 'Round trip.',
      samples: each(({ rttMs }) => (rttMs === null ? null : rttMs / 1000)),
    },
    {
      name: 'hubmesh_peer_goodput_bytes_per_second',
      type: 'gauge',
      help: 'Measured while receiving from it.',
      samples: each(({ goodput }) => goodput),
    },
    {
      name: 'hubmesh_peer_in_bytes_total',
      type: 'counter',
      help: 'Chunk payload from the peer.',
      samples: withOthers(({ bytesIn }) => bytesIn),
    },
    {
      name: 'hubmesh_peer_out_bytes_total',
      type: 'counter',
      help: 'Chunk payload to the peer.',
      samples: withOthers(({ bytesOut }) => bytesOut),
    },
  ]
}

const repoMetrics = (repos: readonly RepoStatus[]): Metric[] => {
  // Of more than are listed, those first of which something is here.
  const held = repos.length > MAX_REPOS ? repos.filter(({ bytesHeld }) => bytesHeld > 0) : repos
  const rest = repos.length > MAX_REPOS ? repos.filter(({ bytesHeld }) => bytesHeld === 0) : []
  const labelled = [...held, ...rest]
    .slice(0, MAX_REPOS)
    .map((repo) => ({ repo, labels: { type: repo.type, repo: repo.id, ref: repo.ref } }))
  const each = (name: string, help: string, value: (repo: RepoStatus) => number): Metric => ({
    name,
    type: 'gauge',
    help,
    samples: labelled.map(({ repo, labels }) => ({ labels, value: value(repo) })),
  })
  return [
    gauge('hubmesh_repos', 'Refs of repos that trusted catalogs offer and that are used here.', repos.length),
    gauge(
      'hubmesh_repos_complete',
      'Those that are here whole.',
      count(repos, ({ complete }) => complete),
    ),
    gauge(
      'hubmesh_repos_stale',
      'Those whose catalog has expired.',
      count(repos, ({ stale }) => stale),
    ),
    each('hubmesh_repo_bytes', 'Size of the revision.', ({ bytes }) => bytes),
    each('hubmesh_repo_held_bytes', 'What of it is here.', ({ bytesHeld }) => bytesHeld),
    each('hubmesh_repo_complete', 'Whether all of it is here.', ({ complete }) => Number(complete)),
    each('hubmesh_repo_stale', "Whether its publisher's catalog has expired.", ({ stale }) => Number(stale)),
    each('hubmesh_repo_behind', 'Whether the catalog has a newer one.', ({ offered }) => Number(offered !== undefined)),
    each('hubmesh_repo_age_seconds', 'Since the ref moved.', ({ age }) => age),
  ]
}

const MIRROR_STATES: readonly NodeStatus['mirrors'][number]['state'][] = [
  'waiting',
  'resolving',
  'pulling',
  'idle',
  'failed',
]

const storeMetrics = ({ store, transfers, mirrors }: NodeStatus): Metric[] => [
  gauge('hubmesh_store_bytes', 'Bytes of the blobs here.', store.bytes),
  {
    name: 'hubmesh_store_quota_bytes',
    type: 'gauge',
    help: 'What they may take; absent where nothing is set.',
    samples: store.quota === null ? [] : [{ value: store.quota }],
  },
  gauge('hubmesh_store_blobs', 'Blobs here.', store.blobs),
  gauge('hubmesh_transfers', 'Files of many chunks on their way here.', transfers.length),
  gauge(
    'hubmesh_transfer_left_bytes',
    'What is still to come of them.',
    sum(transfers, ({ bytes, done }) => bytes - done),
  ),
  gauge(
    'hubmesh_transfer_rate_bytes_per_second',
    'At which they come.',
    sum(transfers, ({ rate }) => rate),
  ),
  {
    name: 'hubmesh_mirrors',
    type: 'gauge',
    help: 'Mirrored refs by state; absent on an office.',
    samples:
      mirrors.length === 0
        ? []
        : MIRROR_STATES.map((state) => ({
            labels: { state },
            value: count(mirrors, (mirror) => mirror.state === state),
          })),
  },
]

const gauge = (name: string, help: string, value: number): Metric => ({
  name,
  type: 'gauge',
  help,
  samples: [{ value }],
})

const count = <T>(list: readonly T[], is: (entry: T) => boolean): number =>
  list.reduce((total, entry) => total + Number(is(entry)), 0)

const sum = <T>(list: readonly T[], value: (entry: T) => number): number =>
  list.reduce((total, entry) => total + value(entry), 0)
