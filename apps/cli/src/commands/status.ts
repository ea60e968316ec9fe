import { setTimeout as sleep } from 'node:timers/promises'
import type { NodeStatus, PeerStatus, RepoStatus } from '@hubmesh/content'
import { homeFolder, openControl } from '@hubmesh/node/control'
import { formatBytes, formatCaps, formatDuration, formatTable, printJson, printable } from '../format.ts'

export interface StatusFlags {
  readonly home?: string
  readonly json?: true
  readonly watch?: true
}

const WATCH_MS = 1000

export const status = async (flags: StatusFlags): Promise<void> => {
  const node = await openControl(homeFolder(flags.home))
  const show = (answer: NodeStatus): void => {
    if (flags.json === true) return printJson(answer)
    if (flags.watch === true && process.stdout.isTTY) process.stdout.write('\u001b[H\u001b[2J')
    process.stdout.write(describe(answer, node.run.gateway))
  }
  do {
    show(await node.status())
    if (flags.watch === true) await sleep(WATCH_MS)
  } while (flags.watch === true)
}

export const peers = async (flags: StatusFlags): Promise<void> => {
  const node = await openControl(homeFolder(flags.home))
  const answer = (await node.status()).peers
  if (flags.json === true) return printJson(answer)
  process.stdout.write(answer.length === 0 ? 'no peer seen since the start\n' : peerTable(answer))
}

export const repos = async (flags: StatusFlags): Promise<void> => {
  const node = await openControl(homeFolder(flags.home))
  const answer = (await node.status()).repos
  if (flags.json === true) return printJson(answer)
  process.stdout.write(answer.length === 0 ? 'no trusted catalog offers a repo yet\n' : repoTable(answer))
}

const describe = (answer: NodeStatus, gateway: string): string => {
  const { store, counters } = answer
  const caps = formatCaps(answer.caps)
  const quota = store.quota === null ? '' : ` of ${formatBytes(store.quota)}`
  const sections = [
    `${answer.role} ${answer.peerId}, site ${answer.site}, hubmesh ${answer.version}, up ${formatDuration(answer.uptime)}`,
    answer.ready.ready ? 'ready' : answer.ready.reasons.map((reason) => `not ready: ${printable(reason)}`).join('\n'),
    `gateway   ${gateway}`,
    `holds     ${formatBytes(store.bytes)}${quota} in ${store.blobs} files`,
    `received  ${formatBytes(counters.upstreamBytes)} upstream, ${formatBytes(counters.wanBytes)} other sites, ` +
      `${formatBytes(counters.siteBytes)} this site, ${formatBytes(counters.localBytes)} own disk`,
    ...(answer.wanCopies === null
      ? []
      : [`wan       ${answer.wanCopies.toFixed(2)} copies into ${printable(answer.site)}, as far as this node knows`]),
    ...(counters.relayedBytes === 0 ? [] : [`relayed   ${formatBytes(counters.relayedBytes)} between others`]),
    ...(caps === '' ? [] : [`caps now  ${caps}`]),
    ...(counters.rejectedChunks === 0
      ? []
      : [`rejected  ${counters.rejectedChunks} chunks that were not what they claimed`]),
    ...section('peers', answer.peers.length, () => peerTable(answer.peers)),
    ...section('repos', answer.repos.length, () => repoTable(answer.repos)),
    ...section('mirrors', answer.mirrors.length, () => mirrorTable(answer.mirrors)),
    ...section('transfers', answer.transfers.length, () => transferTable(answer.transfers)),
    ...section('refused', answer.refusals.length, () => refusalTable(answer.refusals)),
  ]
  return `${sections.join('\n').trimEnd()}\n`
}

const section = (title: string, rows: number, table: () => string): string[] =>
  rows === 0 ? [] : [`\n${title}\n${table().trimEnd()}`]

const peerTable = (list: readonly PeerStatus[]): string =>
  formatTable(
    ['PEER', 'SITE', 'STATE', 'RTT', 'GOODPUT', 'IN', 'OUT'],
    list.map((peer) => [
      peer.peerId,
      peer.site,
      peerState(peer),
      peer.rttMs === null ? '-' : `${peer.rttMs.toFixed(1)} ms`,
      `${formatBytes(Math.round(peer.goodput))}/s`,
      formatBytes(peer.bytesIn),
      formatBytes(peer.bytesOut),
    ]),
  )

const peerState = ({ banned, connected, lastSeen }: PeerStatus): string => {
  if (banned !== undefined) return `banned (${banned.reason})`
  return connected ? 'connected' : `last seen ${lastSeen}`
}

const repoTable = (list: readonly RepoStatus[]): string =>
  formatTable(
    ['REPO', 'REF', 'REVISION', 'FILES', 'SIZE', 'HELD', 'STATE'],
    list.map((repo) => [
      `${repo.type}:${repo.id}`,
      repo.ref,
      repo.revision.slice(0, 12),
      String(repo.files),
      formatBytes(repo.bytes),
      formatBytes(repo.bytesHeld),
      [repo.complete ? 'complete' : 'partly here', ...(repo.stale ? ['stale'] : [])].join(', '),
    ]),
  )

const mirrorTable = (list: NodeStatus['mirrors']): string =>
  formatTable(
    ['REPO', 'REF', 'STATE', 'FILES', 'BYTES', 'CHECKED', 'ERROR'],
    list.map((mirror) => [
      mirror.repo,
      mirror.ref,
      mirror.state,
      `${mirror.filesDone}/${mirror.files}`,
      `${formatBytes(mirror.bytesDone)} of ${formatBytes(mirror.bytes)}`,
      mirror.lastCheck ?? '-',
      mirror.error ?? '',
    ]),
  )

const transferTable = (list: NodeStatus['transfers']): string =>
  formatTable(
    ['REPO', 'PATH', 'DONE', 'RATE', 'LEFT', 'FROM'],
    list.map((transfer) => [
      transfer.repo,
      transfer.path,
      `${formatBytes(transfer.done)} of ${formatBytes(transfer.bytes)}`,
      `${formatBytes(Math.round(transfer.rate))}/s`,
      transfer.etaSeconds === null ? '-' : formatDuration(transfer.etaSeconds),
      transfer.sources.join(', '),
    ]),
  )

const refusalTable = (list: NodeStatus['refusals']): string =>
  formatTable(
    ['WHEN', 'KIND', 'SUBJECT', 'PUBLISHER', 'REASON'],
    list.map(({ at, kind, subject, publisher, reason }) => [at, kind, subject, publisher, reason]),
  )
