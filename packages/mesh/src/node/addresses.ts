import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { type ErrorCode, MeshError } from '@hubmesh/content'

/** @throws MeshError with the given code for what is no multiaddr */
export const parseAddress = (text: string, code: ErrorCode): Multiaddr => {
  try {
    return multiaddr(text)
  } catch (cause) {
    throw new MeshError(code, `not a network address: ${text.slice(0, 200)}`, {
      hint: 'write it as /ip4/192.0.2.1/tcp/8643, with /p2p/PEER_ID at the end for another node',
      cause,
    })
  }
}

/** It leads through a relay. */
export const isRelayed = (address: Multiaddr): boolean =>
  address.getComponents().some(({ name }) => name === 'p2p-circuit')

/** Addresses that others may use: without loopback, unless there is nothing else; those that lead through relays last. */
export const usableAddresses = (addresses: readonly string[]): string[] => {
  const rank = (address: string): number => (address.includes('/p2p-circuit/') ? 1 : 0)
  const unique = [...new Set(addresses)].toSorted((a, b) => rank(a) - rank(b))
  const outside = unique.filter((address) => !isLoopback(address))
  return outside.length > 0 ? outside : unique
}

const isLoopback = (address: string): boolean => /^\/ip4\/127\.|^\/ip6\/::1\/|^\/dns[46]?\/localhost\//.test(address)

/** What went wrong while listening, for the person who chose the address. */
export const listenError = (cause: unknown, listen: readonly string[]): MeshError => {
  const text = cause instanceof Error ? cause.message : String(cause)
  const where = listen.join(', ')
  if (text.includes('EADDRINUSE'))
    return new MeshError('busy', `the mesh port is in use: ${where}`, {
      hint: 'stop what listens there, or choose another port with --listen /ip4/0.0.0.0/tcp/PORT',
      cause,
    })
  if (text.includes('EACCES'))
    return new MeshError('config', `not allowed to listen on ${where}`, { hint: 'choose a port above 1023', cause })
  if (text.includes('EADDRNOTAVAIL') || text.includes('UnsupportedListenAddress') || text.includes('not listen'))
    return new MeshError('config', `this machine cannot listen on ${where}`, {
      hint: 'use an address of this machine, as /ip4/0.0.0.0/tcp/8643',
      cause,
    })
  return new MeshError('io', `the mesh could not listen on ${where}`, { cause })
}
